"""Keeps runs: what each was created with, and where it is."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Row

from libs.common.db.statement import sql
from libs.common.digests import Digest
from services.planner.profiles.spec import (
    selector_document,
    selector_from_document,
    spec_from_document,
    spec_json,
)
from services.planner.runs.facts import Facts, Kept
from services.planner.runs.machine import Run
from services.planner.runs.plan import AdapterVersion, Codec
from services.planner.runs.values import LIVE, Amounts, State, Target, TargetState
from services.planner.store import columns
from services.planner.store.connection import Connection
from services.planner.store.statements import assignments, insert

_COLUMNS = (
    "r.tenant, r.run, r.profile_uid, r.profile, r.revision, r.spec, r.selector, r.adapter_version, "
    "r.adapter_schema, r.codec_level, r.codec_library, r.snapshot_id, r.plan_digest, r.actor, r.trace, "
    "r.created_at, r.version, r.attempt, r.state, r.stage, r.sequence, r.shards_total, r.shards_released, "
    "r.shards_done, r.amounts, r.numbers, r.manifest, r.layout, r.signed, r.bundle_bytes, r.error, "
    "r.started_at, r.ended_at, r.state_since, "
    "(SELECT jsonb_agg(jsonb_build_object('target', t.target, 'driver', t.driver, 'state', t.state, "
    "'delivered', t.delivered, 'error', t.error) ORDER BY t.position) FROM export_targets t "
    "WHERE t.tenant = r.tenant AND t.run = r.run) AS targets"
)
_LIVE = sorted(LIVE)


@dataclass(frozen=True, slots=True)
class Filter:
    """Which runs a list holds: every set field must match."""

    states: frozenset[State] = frozenset()
    profile: str = ""


async def find(connection: Connection, tenant: str, run: str, *, lock: bool = False) -> Kept | None:
    """Return a run, or None where the tenant has none of that id; with `lock` nobody else changes it."""
    key = {"tenant": tenant, "run": run}
    if lock:
        # A statement of its own: one that waits for a lock sees other rows as they were before the wait.
        await connection.execute(
            sql("SELECT 1 FROM export_runs WHERE tenant = :tenant AND run = :run FOR UPDATE"), key
        )
    result = await connection.execute(
        sql(f"SELECT {_COLUMNS} FROM export_runs r WHERE r.tenant = :tenant AND r.run = :run"),  # noqa: S608 - constant text
        key,
    )
    row = result.first()
    return None if row is None else _kept(row)


async def page(
    connection: Connection, tenant: str, chosen: Filter, before: str | None, size: int
) -> list[Kept]:
    """Return up to `size` runs older than `before`, newest first: ids sort by the time they were made."""
    conditions = ["r.tenant = :tenant"]
    if chosen.states:
        conditions.append("r.state = ANY(:states)")
    if chosen.profile:
        conditions.append("r.profile = :profile")
    if before is not None:
        conditions.append("r.run < :before")
    result = await connection.execute(
        sql(
            f"SELECT {_COLUMNS} FROM export_runs r WHERE {' AND '.join(conditions)} "  # noqa: S608 - constant texts
            "ORDER BY r.run DESC LIMIT :size"
        ),
        {
            "tenant": tenant,
            "states": sorted(chosen.states),
            "profile": chosen.profile,
            "before": before,
            "size": size,
        },
    )
    return [_kept(row) for row in result]


async def last_succeeded(connection: Connection, tenant: str, profile_uid: str) -> Kept | None:
    """Return the newest run of a profile that succeeded."""
    result = await connection.execute(
        sql(
            f"SELECT {_COLUMNS} FROM export_runs r WHERE r.tenant = :tenant "  # noqa: S608 - constant text
            "AND r.profile_uid = :profile_uid AND r.state = 'succeeded' ORDER BY r.run DESC LIMIT 1"
        ),
        {"tenant": tenant, "profile_uid": profile_uid},
    )
    row = result.first()
    return None if row is None else _kept(row)


@dataclass(frozen=True, slots=True)
class Made:
    """What a run that succeeded has made."""

    run: str
    shards: int
    amounts: Amounts


async def made_before(connection: Connection, facts: Facts) -> Made | None:
    """Return the newest run of the same profile that succeeded with equal inputs, so with equal bytes."""
    result = await connection.execute(
        sql(
            "SELECT run, shards_total, amounts FROM export_runs WHERE tenant = :tenant "
            "AND profile_uid = :profile_uid AND state = 'succeeded' AND plan_digest = :plan_digest "
            "ORDER BY run DESC LIMIT 1"
        ),
        {"tenant": facts.tenant, "profile_uid": facts.profile_uid, "plan_digest": facts.plan_digest},
    )
    row = result.first()
    return None if row is None else Made(row.run, row.shards_total, columns.read_amounts(row.amounts))


async def add(connection: Connection, facts: Facts, run: Run) -> Kept:
    """Add a run at version 1, with its targets."""
    values = _facts_values(facts) | _run_values(run)
    values |= {"snapshot_held": True, "version": 1, "state_since": facts.created}
    await connection.execute(insert("export_runs", values), values)
    await connection.execute(
        sql(
            "INSERT INTO export_targets (tenant, run, position, target, driver, state) "
            "SELECT :tenant, :run, position, target, driver, 'waiting' FROM "
            "unnest(CAST(:targets AS text[]), CAST(:drivers AS text[])) WITH ORDINALITY "
            "AS listed (target, driver, position)"
        ),
        {
            "tenant": facts.tenant,
            "run": facts.id,
            "targets": [target.id for target in run.targets],
            "drivers": [target.driver for target in run.targets],
        },
    )
    return Kept(facts, run, 1, facts.created)


async def save(connection: Connection, kept: Kept, run: Run, moment: datetime) -> Kept | None:
    """Write where a run is now, if nobody changed it since it was read; else return None."""
    since = kept.since if run.state is kept.run.state else moment
    values = _run_values(run) | {"state_since": since}
    result = await connection.execute(
        sql(
            f"UPDATE export_runs SET version = version + 1, {assignments(values)} "  # noqa: S608 - names in code
            "WHERE tenant = :tenant AND run = :run AND version = :version"
        ),
        values | {"tenant": kept.facts.tenant, "run": kept.facts.id, "version": kept.version},
    )
    if result.rowcount != 1:
        return None
    for before, after in zip(kept.run.targets, run.targets, strict=True):
        if after != before:
            await _save_target(connection, kept.facts, after)
    return Kept(kept.facts, run, kept.version + 1, since)


async def _save_target(connection: Connection, facts: Facts, target: Target) -> None:
    values = {
        "state": target.state.value,
        "delivered": columns.write(target.delivered),
        "error": columns.write(target.error),
    }
    await connection.execute(
        sql(
            f"UPDATE export_targets SET {assignments(values)} "  # noqa: S608 - names in code
            "WHERE tenant = :tenant AND run = :run AND target = :target"
        ),
        values | {"tenant": facts.tenant, "run": facts.id, "target": target.id},
    )


async def lock_slots(connection: Connection, tenant: str) -> tuple[int, int]:
    """Let nobody else give slots of the tenant away; return how many runs are at work and how many wait."""
    await connection.execute(
        sql("SELECT pg_advisory_xact_lock(hashtextextended('planner.slots.' || :tenant, 0))"),
        {"tenant": tenant},
    )
    result = await connection.execute(
        sql(
            "SELECT count(*) FILTER (WHERE state <> 'queued') AS running, "
            "count(*) FILTER (WHERE state = 'queued') AS queued "
            "FROM export_runs WHERE tenant = :tenant AND state = ANY(:live)"
        ),
        {"tenant": tenant, "live": _LIVE},
    )
    row = result.one()
    return row.running, row.queued


async def queued(connection: Connection, tenant: str) -> int:
    """Return how many runs wait for a slot."""
    result = await connection.execute(
        sql("SELECT count(*) FROM export_runs WHERE tenant = :tenant AND state = 'queued'"),
        {"tenant": tenant},
    )
    return int(result.scalar_one())


async def first_queued(connection: Connection, tenant: str, most: int) -> Sequence[str]:
    """Return the runs that wait longest."""
    result = await connection.execute(
        sql(
            "SELECT run FROM export_runs WHERE tenant = :tenant AND state = 'queued' ORDER BY run LIMIT :most"
        ),
        {"tenant": tenant, "most": most},
    )
    return result.scalars().all()


async def holds_snapshot(connection: Connection, tenant: str, run: str) -> bool:
    """Tell whether a run still has its evidence; asked of a locked run."""
    result = await connection.execute(
        sql("SELECT snapshot_held FROM export_runs WHERE tenant = :tenant AND run = :run"),
        {"tenant": tenant, "run": run},
    )
    return bool(result.scalar_one())


async def let_go_of_snapshot(connection: Connection, tenant: str, run: str) -> None:
    """Remember that a run's evidence snapshot is released."""
    await connection.execute(
        sql("UPDATE export_runs SET snapshot_held = false WHERE tenant = :tenant AND run = :run"),
        {"tenant": tenant, "run": run},
    )


def _facts_values(facts: Facts) -> dict[str, Any]:
    return {
        "tenant": facts.tenant,
        "run": facts.id,
        "profile_uid": facts.profile_uid,
        "profile": facts.profile,
        "revision": facts.revision,
        "kind": facts.spec.kind,
        "variant": facts.spec.variant,
        "spec": spec_json(facts.spec).decode("utf-8"),
        "selector": json.dumps(selector_document(facts.selector)),
        "adapter_version": facts.adapter.version,
        "adapter_schema": facts.adapter.schema,
        "codec_level": facts.codec.level,
        "codec_library": facts.codec.library,
        "snapshot_id": facts.snapshot_id,
        "plan_digest": facts.plan_digest,
        "export_id": facts.export_id,
        "actor": facts.actor,
        "trace": facts.trace,
        "created_at": facts.created,
        "retention_days": facts.spec.retention_days,
    }


def _run_values(run: Run) -> dict[str, Any]:
    return {
        "attempt": run.attempt,
        "state": run.state.value,
        "stage": run.stage and run.stage.value,
        "sequence": run.sequence,
        "shards_total": run.shards_total,
        "shards_released": run.shards_released,
        "shards_done": columns.write_bits(run.shards_done),
        "amounts": columns.write(run.amounts),
        "numbers": columns.write(dict(run.numbers)),
        "manifest": columns.write(run.manifest),
        "layout": columns.write(run.layout),
        "signed": columns.write(run.signed),
        "bundle_bytes": run.bundle_bytes,
        "error": columns.write(run.error),
        "started_at": run.started,
        "ended_at": run.ended,
    }


def _kept(row: Row[Any]) -> Kept:
    facts = Facts(
        tenant=row.tenant,
        id=row.run,
        profile=row.profile,
        profile_uid=row.profile_uid,
        revision=row.revision,
        spec=spec_from_document(json.loads(row.spec)),
        selector=selector_from_document(json.loads(row.selector)),
        adapter=AdapterVersion(row.adapter_version, row.adapter_schema),
        codec=Codec(row.codec_level, row.codec_library),
        snapshot_id=row.snapshot_id,
        plan_digest=Digest(row.plan_digest),
        actor=row.actor,
        trace=row.trace,
        created=row.created_at,
    )
    run = Run(
        targets=tuple(_target(target) for target in row.targets or ()),
        attempt=row.attempt,
        state=State(row.state),
        stage=State(row.stage) if row.stage else None,
        sequence=row.sequence,
        shards_total=row.shards_total,
        shards_released=row.shards_released,
        shards_done=columns.read_bits(row.shards_done),
        amounts=columns.read_amounts(row.amounts),
        numbers=row.numbers,
        manifest=columns.read_blob(row.manifest),
        layout=columns.read_blob(row.layout),
        signed=columns.read_blob(row.signed),
        bundle_bytes=row.bundle_bytes,
        error=columns.read_error(row.error),
        started=row.started_at,
        ended=row.ended_at,
    )
    return Kept(facts, run, row.version, row.state_since)


def _target(document: columns.Document) -> Target:
    return Target(
        document["target"],
        document["driver"],
        TargetState(document["state"]),
        columns.read_delivered(document["delivered"]),
        columns.read_failure(document["error"]),
    )
