"""Remembers which records were deleted, until they come back."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy.ext.asyncio import AsyncConnection

from libs.common.db.statement import sql
from services.evidence.values import DatasetName


async def any_of(connection: AsyncConnection, tenant: str, name: DatasetName) -> bool:
    """Say whether a dataset left any."""
    found = await connection.execute(
        sql("SELECT 1 FROM tombstones WHERE tenant = :tenant AND kind = :kind AND source = :source LIMIT 1"),
        {"tenant": tenant, "kind": name.kind, "source": name.source},
    )
    return found.first() is not None


async def set_for(
    connection: AsyncConnection,
    tenant: str,
    name: DatasetName,
    keys: Sequence[bytes],
    sequence: int,
    moment: datetime,
) -> None:
    """Remember deletions."""
    await connection.execute(
        sql(
            "INSERT INTO tombstones (tenant, kind, source, key, sequence, deleted_at) "
            "SELECT :tenant, :kind, :source, unnest(CAST(:keys AS bytea[])), :sequence, :moment "
            "ON CONFLICT (tenant, kind, source, key) DO UPDATE SET sequence = :sequence, deleted_at = :moment"
        ),
        {
            "tenant": tenant,
            "kind": name.kind,
            "source": name.source,
            "keys": list(keys),
            "sequence": sequence,
            "moment": moment,
        },
    )


async def lift(connection: AsyncConnection, tenant: str, name: DatasetName, keys: Sequence[bytes]) -> None:
    """Forget the deletion of records that are there again."""
    await connection.execute(
        sql(
            "DELETE FROM tombstones WHERE tenant = :tenant AND kind = :kind AND source = :source "
            "AND key = ANY(:keys)"
        ),
        {"tenant": tenant, "kind": name.kind, "source": name.source, "keys": list(keys)},
    )
