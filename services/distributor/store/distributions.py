"""Keeps the state of each delivery."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import Row
from sqlalchemy.ext.asyncio import AsyncConnection

from libs.common.db.statement import sql
from services.distributor.targets import Fault, Outcome, State, Target

_COLUMNS = (
    "run, target, driver, state, attempt, attempts, digest, bytes, reference, "
    "error_code, error_message, error_cure, created_at, updated_at, layout_digest"
)


async def find(
    connection: AsyncConnection, tenant: str, run: str, target: str, *, hold: bool = False
) -> Target | None:
    """Return a delivery; with `hold`, nobody else changes it before this transaction ends."""
    suffix = " FOR UPDATE" if hold else ""
    rows = await connection.execute(
        sql(
            f"SELECT {_COLUMNS}, removed_at FROM export_distributions "  # noqa: S608 - constants alone
            f"WHERE tenant = :tenant AND run = :run AND target = :target{suffix}"
        ),
        {"tenant": tenant, "run": run, "target": target},
    )
    row = rows.first()
    return None if row is None else _target(row)


async def save(connection: AsyncConnection, tenant: str, target: Target) -> None:
    """Write a delivery, unless a later attempt of its run has begun."""
    outcome = target.outcome or Outcome("", 0, "")
    fault = target.fault or Fault("", "", "")
    await connection.execute(
        sql(
            f"INSERT INTO export_distributions AS old (tenant, {_COLUMNS}) VALUES (:tenant, :run, :target, "  # noqa: S608 - constants alone
            ":driver, :state, :attempt, :attempts, :digest, :bytes, :reference, :error_code, :error_message, "
            ":error_cure, :created_at, :updated_at, :layout_digest) "
            "ON CONFLICT (tenant, run, target) DO UPDATE SET "
            "driver = EXCLUDED.driver, state = EXCLUDED.state, attempt = EXCLUDED.attempt, "
            "attempts = EXCLUDED.attempts, digest = EXCLUDED.digest, bytes = EXCLUDED.bytes, "
            "reference = EXCLUDED.reference, error_code = EXCLUDED.error_code, "
            "error_message = EXCLUDED.error_message, error_cure = EXCLUDED.error_cure, "
            "updated_at = EXCLUDED.updated_at, layout_digest = EXCLUDED.layout_digest "
            "WHERE old.attempt <= EXCLUDED.attempt"
        ),
        {
            "tenant": tenant,
            "run": target.run,
            "target": target.target,
            "driver": target.driver,
            "state": target.state.value,
            "attempt": target.attempt,
            "attempts": target.attempts,
            "digest": outcome.digest,
            "bytes": outcome.size,
            "reference": outcome.reference,
            "error_code": fault.code,
            "error_message": fault.message,
            "error_cure": fault.cure,
            "created_at": target.created,
            "updated_at": target.updated,
            "layout_digest": target.layout,
        },
    )


async def page(
    connection: AsyncConnection,
    tenant: str,
    run: str | None,
    after: tuple[datetime, str, str] | None,
    limit: int,
) -> tuple[Target, ...]:
    """Return deliveries of a run, or of all, newest first, those after a position."""
    conditions = ["tenant = :tenant"]
    values: dict[str, object] = {"tenant": tenant, "limit": limit}
    if run is not None:
        conditions.append("run = :run")
        values["run"] = run
    if after is not None:
        conditions.append("(created_at, run, target) < (:after_time, :after_run, :after_target)")
        values |= {"after_time": after[0], "after_run": after[1], "after_target": after[2]}
    rows = await connection.execute(
        sql(
            f"SELECT {_COLUMNS}, removed_at FROM export_distributions WHERE {' AND '.join(conditions)} "  # noqa: S608 - constants alone
            "ORDER BY created_at DESC, run DESC, target DESC LIMIT :limit"
        ),
        values,
    )
    return tuple(_target(row) for row in rows)


def _target(row: Row[tuple[object, ...]]) -> Target:
    state = State(row.state)
    return Target(
        row.run,
        row.target,
        row.driver,
        state,
        row.attempt,
        row.attempts,
        Outcome(row.digest, row.bytes, row.reference) if state is State.SUCCEEDED else None,
        Fault(row.error_code, row.error_message, row.error_cure) if state is State.FAILED else None,
        row.created_at,
        row.updated_at,
        row.layout_digest,
        row.removed_at is not None,
    )
