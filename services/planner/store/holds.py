"""Keeps for which runs evidence is being pinned, from before it is until the run stands.

A planner that dies in between leaves its row: by it the snapshot, which nobody will use, is found again.
"""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import text

from services.planner.store.connection import Connection

MAX_ABANDONED = 100  # let go of in one turn
# A start ends with its caller's deadline, far below this; one that is later than this is refused.
ABANDONED_MINUTES = 10


@dataclass(frozen=True, slots=True)
class Hold:
    """A run that was to begin."""

    tenant: str
    run: str


async def add(connection: Connection, tenant: str, run: str) -> None:
    """Say that evidence is about to be pinned for a run."""
    await connection.execute(
        text("INSERT INTO snapshot_holds (tenant, run) VALUES (:tenant, :run)"),
        {"tenant": tenant, "run": run},
    )


async def remove(connection: Connection, tenant: str, run: str) -> bool:
    """Take a hold away and say whether it was there; whoever else would take it waits for the commit."""
    gone = await connection.execute(
        text("DELETE FROM snapshot_holds WHERE tenant = :tenant AND run = :run RETURNING 1"),
        {"tenant": tenant, "run": run},
    )
    return gone.first() is not None


async def abandoned(connection: Connection) -> list[Hold]:
    """Return holds whose starts have ended without a run; for background work over all tenants."""
    rows = await connection.execute(
        text(
            "SELECT tenant, run FROM snapshot_holds "
            "WHERE opened_at < now() - make_interval(mins => :minutes) ORDER BY opened_at LIMIT :most"
        ),
        {"minutes": ABANDONED_MINUTES, "most": MAX_ABANDONED},
    )
    return [Hold(row.tenant, row.run) for row in rows]
