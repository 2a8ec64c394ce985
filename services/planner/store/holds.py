"""Keeps for which runs evidence is pinned that do not stand yet, or that were given up.

A planner that dies in between leaves its row: by it the snapshot, which nobody will use, is found again. A
hold that is over is so for good. Evidence goes only once that is committed, so no run goes on without it.
"""

from __future__ import annotations

from dataclasses import dataclass

from libs.common.db.statement import sql
from services.planner.store.connection import Connection

MAX_ABANDONED = 100  # let go of in one turn
# A start ends with its caller's deadline, far below this; one that is later than this is refused.
ABANDONED_MINUTES = 10


@dataclass(frozen=True, slots=True)
class Hold:
    """A run that was to begin, or that nobody may retry any more."""

    tenant: str
    run: str


async def add(connection: Connection, tenant: str, run: str) -> None:
    """Say that evidence is about to be pinned for a run."""
    await connection.execute(
        sql("INSERT INTO snapshot_holds (tenant, run) VALUES (:tenant, :run)"),
        {"tenant": tenant, "run": run},
    )


async def add_over(connection: Connection, tenant: str, run: str) -> None:
    """Say that what is pinned for a run is to be let go of."""
    await connection.execute(
        sql(
            "INSERT INTO snapshot_holds (tenant, run, is_over) VALUES (:tenant, :run, true) "
            "ON CONFLICT (tenant, run) DO UPDATE SET is_over = true"
        ),
        {"tenant": tenant, "run": run},
    )


async def end(connection: Connection, tenant: str, run: str) -> bool:
    """Let a hold be over and say whether it was there: a start that still goes on is refused from now on."""
    changed = await connection.execute(
        sql("UPDATE snapshot_holds SET is_over = true WHERE tenant = :tenant AND run = :run RETURNING 1"),
        {"tenant": tenant, "run": run},
    )
    return changed.first() is not None


async def remove(connection: Connection, tenant: str, run: str) -> bool:
    """Take away a hold that is not over, and say whether it was there; others wait for the commit."""
    gone = await connection.execute(
        sql("DELETE FROM snapshot_holds WHERE tenant = :tenant AND run = :run AND NOT is_over RETURNING 1"),
        {"tenant": tenant, "run": run},
    )
    return gone.first() is not None


async def forget(connection: Connection, tenant: str, run: str) -> None:
    """Forget a hold that is over: nothing is pinned for it any more."""
    await connection.execute(
        sql("DELETE FROM snapshot_holds WHERE tenant = :tenant AND run = :run AND is_over"),
        {"tenant": tenant, "run": run},
    )


async def abandoned(connection: Connection) -> list[Hold]:
    """Return holds that are over, or whose starts have ended without a run; of all tenants."""
    rows = await connection.execute(
        sql(
            "SELECT tenant, run FROM snapshot_holds "
            "WHERE is_over OR opened_at < now() - make_interval(mins => :minutes) "
            "ORDER BY opened_at LIMIT :most"
        ),
        {"minutes": ABANDONED_MINUTES, "most": MAX_ABANDONED},
    )
    return [Hold(row.tenant, row.run) for row in rows]
