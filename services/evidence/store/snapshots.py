"""Keeps which snapshots are open, and who holds them."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import Row
from sqlalchemy.ext.asyncio import AsyncConnection

from libs.common.db.statement import sql
from services.evidence.values import Snapshot

_COLUMNS = "id, sequence, kinds, sources, holder"


async def open_once(connection: AsyncConnection, tenant: str, new: Snapshot, moment: datetime) -> Snapshot:
    """Open a snapshot, or return the one that its holder has open already."""
    await connection.execute(
        sql(
            f"INSERT INTO snapshots (tenant, opened_at, {_COLUMNS}) VALUES (:tenant, :moment, "  # noqa: S608 - constants
            ":id, :sequence, :kinds, :sources, :holder) "
            "ON CONFLICT (tenant, holder) WHERE holder <> '' DO NOTHING"
        ),
        {
            "tenant": tenant,
            "moment": moment,
            "id": new.id,
            "sequence": new.sequence,
            "kinds": list(new.kinds),
            "sources": list(new.sources),
            "holder": new.holder,
        },
    )
    rows = await connection.execute(
        sql(
            f"SELECT {_COLUMNS} FROM snapshots WHERE tenant = :tenant AND "  # noqa: S608 - constants
            "(id = :id OR (holder = :holder AND holder <> ''))"
        ),
        {"tenant": tenant, "id": new.id, "holder": new.holder},
    )
    return _snapshot(rows.one())


async def find(connection: AsyncConnection, tenant: str, snapshot_id: str) -> Snapshot | None:
    """Return an open snapshot."""
    rows = await connection.execute(
        sql(f"SELECT {_COLUMNS} FROM snapshots WHERE tenant = :tenant AND id = :id"),  # noqa: S608 - constants
        {"tenant": tenant, "id": snapshot_id},
    )
    row = rows.first()
    return None if row is None else _snapshot(row)


async def release(connection: AsyncConnection, tenant: str, snapshot_id: str, holder: str) -> None:
    """Let go of a snapshot that `holder` holds; one that is not there is fine."""
    await connection.execute(
        sql("DELETE FROM snapshots WHERE tenant = :tenant AND id = :id AND holder = :holder"),
        {"tenant": tenant, "id": snapshot_id, "holder": holder},
    )


async def release_unheld(connection: AsyncConnection, tenant: str, before: datetime) -> None:
    """Let go of snapshots without a holder that were opened before a moment."""
    await connection.execute(
        sql("DELETE FROM snapshots WHERE tenant = :tenant AND holder = '' AND opened_at < :before"),
        {"tenant": tenant, "before": before},
    )


async def oldest_sequence(connection: AsyncConnection, tenant: str) -> int | None:
    """Return the oldest sequence that a snapshot pins."""
    found = await connection.execute(
        sql("SELECT min(sequence) FROM snapshots WHERE tenant = :tenant"), {"tenant": tenant}
    )
    oldest: int | None = found.scalar_one()
    return oldest


def _snapshot(row: Row[tuple[object, ...]]) -> Snapshot:
    return Snapshot(row.id, row.sequence, tuple(row.kinds), tuple(row.sources), row.holder)
