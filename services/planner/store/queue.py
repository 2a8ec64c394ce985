"""Looks at the runs of all tenants for what waits: the planner's own background work, never a request."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from libs.common.db.statement import sql
from libs.common.metrics import Waiting
from services.planner.runs.release import Backlog
from services.planner.runs.values import LIVE, State
from services.planner.store.connection import Connection

MAX_RELEASES = 100  # snapshots let go of in one turn, so that shards do not wait for them
_LIVE = sorted(LIVE)


@dataclass(frozen=True, slots=True)
class HeldSnapshot:
    """A snapshot that a succeeded run no longer needs."""

    tenant: str
    run: str
    snapshot_id: str


@dataclass(frozen=True, slots=True)
class RunName:
    """A run of a tenant."""

    tenant: str
    run: str


@dataclass(frozen=True, slots=True)
class Shards:
    """How the shards of one run stand: `released` of its present attempt were sent."""

    backlog: Backlog
    attempt: int
    released: int


async def tenants_with_room(connection: Connection, concurrent_runs: int) -> Sequence[str]:
    """Return the tenants that have runs waiting and a free slot."""
    result = await connection.execute(
        sql(
            "SELECT tenant FROM export_runs WHERE state = ANY(:live) GROUP BY tenant "
            "HAVING count(*) FILTER (WHERE state = 'queued') > 0 "
            "AND count(*) FILTER (WHERE state <> 'queued') < :most ORDER BY tenant"
        ),
        {"live": _LIVE, "most": concurrent_runs},
    )
    return result.scalars().all()


async def shards(connection: Connection) -> list[Shards]:
    """Return how many shards wait and are under way, for every run that has shards."""
    result = await connection.execute(
        sql(
            "SELECT tenant, run, attempt, shards_total, shards_released, bit_count(shards_done) AS done "
            "FROM export_runs WHERE state = 'adapting' ORDER BY tenant, run"
        )
    )
    return [
        Shards(
            Backlog(
                row.tenant, row.run, row.shards_total - row.shards_released, row.shards_released - row.done
            ),
            row.attempt,
            row.shards_released,
        )
        for row in result
    ]


async def waiting(connection: Connection) -> dict[str, Waiting]:
    """Return by stage what is not done (shards while adapting, else runs), and for how long the oldest."""
    result = await connection.execute(
        sql(
            "SELECT state, count(*) AS runs, sum(shards_total - bit_count(shards_done)) AS shards, "
            "extract(epoch FROM now() - min(state_since)) AS seconds "
            "FROM export_runs WHERE state = ANY(:live) GROUP BY state"
        ),
        {"live": _LIVE},
    )
    found = {state.value: Waiting() for state in _LIVE}
    for row in result:
        count = row.shards if row.state == State.ADAPTING else row.runs
        found[row.state] = Waiting(int(count), float(row.seconds))
    return found


async def held_snapshots(connection: Connection) -> list[HeldSnapshot]:
    """Return snapshots to let go of."""
    result = await connection.execute(
        sql(
            "SELECT tenant, run, snapshot_id FROM export_runs "
            "WHERE state = 'succeeded' AND snapshot_held ORDER BY tenant, run LIMIT :most"
        ),
        {"most": MAX_RELEASES},
    )
    return [HeldSnapshot(row.tenant, row.run, row.snapshot_id) for row in result]


async def expired(connection: Connection, usual_days: int) -> list[RunName]:
    """Return runs whose bundles were kept for as long as they were to be; `usual_days` 0 is for ever."""
    result = await connection.execute(
        sql(
            "SELECT tenant, run FROM export_runs WHERE state = 'succeeded' "
            "AND coalesce(nullif(retention_days, 0), nullif(CAST(:usual AS integer), 0)) IS NOT NULL "
            "AND ended_at < now() - make_interval(days => coalesce(nullif(retention_days, 0), :usual)) "
            "ORDER BY ended_at LIMIT :most"
        ),
        {"usual": usual_days, "most": MAX_RELEASES},
    )
    return [RunName(row.tenant, row.run) for row in result]


async def given_up(connection: Connection, days: int) -> list[RunName]:
    """Return runs that ended without success too long ago to be retried, and still hold evidence."""
    result = await connection.execute(
        sql(
            "SELECT tenant, run FROM export_runs WHERE state IN ('failed', 'cancelled') AND snapshot_held "
            "AND ended_at < now() - make_interval(days => :days) ORDER BY ended_at LIMIT :most"
        ),
        {"days": days, "most": MAX_RELEASES},
    )
    return [RunName(row.tenant, row.run) for row in result]


async def forget(connection: Connection, days: int) -> None:
    """Delete what the inbox and the request ids remember for longer than this."""
    for table, column in (("inbox", "received_at"), ("request_ids", "created_at")):
        await connection.execute(
            sql(f"DELETE FROM {table} WHERE {column} < now() - make_interval(days => :days)"),  # noqa: S608 - names in code
            {"days": days},
        )
