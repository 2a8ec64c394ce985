"""Keeps what was put aside, for each file as its newest import found it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy.ext.asyncio import AsyncConnection

from libs.common.db.statement import sql
from services.evidence.values import Refused

MAX_KEPT = 100_000  # of one tenant: a person reads none of more; the oldest go


@dataclass(frozen=True, slots=True)
class Kept:
    """A document that was put aside, with its number in the table and the moment."""

    number: int
    refused: Refused
    put_aside_at: datetime


async def clear_files(connection: AsyncConnection, tenant: str, source: str, files: Sequence[str]) -> None:
    """Forget what earlier imports of these files put aside, of one source or of any."""
    await connection.execute(
        sql(
            "DELETE FROM quarantine WHERE tenant = :tenant AND file = ANY(:files) "
            "AND (:source = '' OR source = :source)"
        ),
        {"tenant": tenant, "source": source, "files": list(files)},
    )


async def clear_source(connection: AsyncConnection, tenant: str, source: str) -> None:
    """Forget what was put aside of a source."""
    await connection.execute(
        sql("DELETE FROM quarantine WHERE tenant = :tenant AND source = :source"),
        {"tenant": tenant, "source": source},
    )


async def add(connection: AsyncConnection, tenant: str, refused: Sequence[Refused], moment: datetime) -> None:
    """Keep what an import put aside."""
    if refused:
        await connection.execute(
            sql(
                "INSERT INTO quarantine (tenant, source, file, location, reason, detail, digest, "
                "put_aside_at) "
                "VALUES (:tenant, :source, :file, :location, :reason, :detail, :digest, :moment)"
            ),
            [
                {
                    "tenant": tenant,
                    "source": each.source,
                    "file": each.file,
                    "location": each.location,
                    "reason": each.reason,
                    "detail": each.detail,
                    "digest": each.digest,
                    "moment": moment,
                }
                for each in refused
            ],
        )


async def trim(connection: AsyncConnection, tenant: str, most: int = MAX_KEPT) -> None:
    """Forget the oldest where too many are kept."""
    await connection.execute(
        sql(
            "DELETE FROM quarantine WHERE tenant = :tenant AND id <= (SELECT id FROM quarantine "
            "WHERE tenant = :tenant ORDER BY id DESC OFFSET :most LIMIT 1)"
        ),
        {"tenant": tenant, "most": most},
    )


async def page(
    connection: AsyncConnection, tenant: str, source: str, before: int | None, limit: int
) -> list[Kept]:
    """Return what was put aside of a source, or of any, newest first."""
    rows = await connection.execute(
        sql(
            "SELECT id, source, location, reason, detail, digest, put_aside_at FROM quarantine "
            "WHERE tenant = :tenant AND (:source = '' OR source = :source) "
            "AND (CAST(:before AS bigint) IS NULL OR id < :before) ORDER BY id DESC LIMIT :limit"
        ),
        {"tenant": tenant, "source": source, "before": before, "limit": limit},
    )
    return [
        Kept(row.id, Refused(row.source, row.location, row.reason, row.detail, row.digest), row.put_aside_at)
        for row in rows
    ]


async def counts(connection: AsyncConnection, tenant: str) -> list[tuple[str, str, int]]:
    """Return source, reason and number of what was put aside, in order."""
    rows = await connection.execute(
        sql(
            "SELECT source, reason, count(*) AS records FROM quarantine WHERE tenant = :tenant "
            'GROUP BY source, reason ORDER BY source COLLATE "C", reason COLLATE "C"'
        ),
        {"tenant": tenant},
    )
    return [(row.source, row.reason, row.records) for row in rows]
