"""Keeps the tenant's sequence and the versions of its datasets."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Row
from sqlalchemy.ext.asyncio import AsyncConnection

from libs.common.db.statement import sql
from services.evidence.values import DatasetName, DatasetVersion

_COLUMNS = "kind, source, records, segments, plain_bytes, stored_bytes, digest, as_of, stated_as_of"


@dataclass(frozen=True, slots=True)
class DatasetState:
    """A dataset's newest version, the tombstones it left, and when it last changed."""

    version: DatasetVersion
    tombstones: int
    changed_at: datetime


async def sequence(connection: AsyncConnection, tenant: str) -> int:
    """Return the tenant's newest sequence; 0 before the first change."""
    found = await connection.execute(
        sql("SELECT sequence FROM sequences WHERE tenant = :tenant"), {"tenant": tenant}
    )
    number: int | None = found.scalar_one_or_none()
    return number or 0


async def advance(connection: AsyncConnection, tenant: str, to: int, moment: datetime) -> None:
    """Make `to` the tenant's newest sequence."""
    await connection.execute(
        sql(
            "INSERT INTO sequences (tenant, sequence, changed_at) VALUES (:tenant, :sequence, :moment) "
            "ON CONFLICT (tenant) DO UPDATE SET sequence = :sequence, changed_at = :moment"
        ),
        {"tenant": tenant, "sequence": to, "moment": moment},
    )


async def versions_at(connection: AsyncConnection, tenant: str, at: int) -> list[DatasetVersion]:
    """Return the datasets that hold records as of a sequence, in order of kind and source."""
    rows = await connection.execute(
        sql(
            f"SELECT {_COLUMNS} FROM datasets WHERE tenant = :tenant AND records > 0 "  # noqa: S608 - constants
            "AND added_sequence <= :at AND (removed_sequence IS NULL OR removed_sequence > :at) "
            'ORDER BY kind COLLATE "C", source COLLATE "C"'
        ),
        {"tenant": tenant, "at": at},
    )
    return [_version(row) for row in rows]


async def current(connection: AsyncConnection, tenant: str, name: DatasetName) -> DatasetVersion | None:
    """Return the newest version of a dataset."""
    rows = await connection.execute(
        sql(
            f"SELECT {_COLUMNS} FROM datasets WHERE tenant = :tenant AND kind = :kind AND source = :source "  # noqa: S608 - constants
            "AND removed_sequence IS NULL"
        ),
        {"tenant": tenant, "kind": name.kind, "source": name.source},
    )
    row = rows.first()
    return None if row is None else _version(row)


async def of_source(connection: AsyncConnection, tenant: str, source: str) -> list[DatasetName]:
    """Return the datasets of a source that hold records, in order of kind."""
    rows = await connection.execute(
        sql(
            "SELECT kind, source FROM datasets WHERE tenant = :tenant AND source = :source AND records > 0 "
            'AND removed_sequence IS NULL ORDER BY kind COLLATE "C"'
        ),
        {"tenant": tenant, "source": source},
    )
    return [DatasetName(row.kind, row.source) for row in rows]


async def replace(
    connection: AsyncConnection, tenant: str, version: DatasetVersion, at: int, moment: datetime
) -> None:
    """Make `version` the newest of its dataset from a sequence on."""
    values = {
        "tenant": tenant,
        "kind": version.name.kind,
        "source": version.name.source,
        "at": at,
        "records": version.records,
        "segments": version.segments,
        "plain_bytes": version.plain_bytes,
        "stored_bytes": version.stored_bytes,
        "digest": version.digest,
        "as_of": version.as_of,
        "stated_as_of": version.stated_as_of,
        "moment": moment,
    }
    await connection.execute(
        sql(
            "UPDATE datasets SET removed_sequence = :at WHERE tenant = :tenant AND kind = :kind "
            "AND source = :source AND removed_sequence IS NULL"
        ),
        values,
    )
    await connection.execute(
        sql(
            f"INSERT INTO datasets (tenant, added_sequence, changed_at, {_COLUMNS}) VALUES (:tenant, :at, "  # noqa: S608 - constants
            ":moment, :kind, :source, :records, :segments, :plain_bytes, :stored_bytes, :digest, :as_of, "
            ":stated_as_of)"
        ),
        values,
    )


async def states(connection: AsyncConnection, tenant: str) -> list[DatasetState]:
    """Return every dataset that holds records or tombstones, in order of kind and source."""
    rows = await connection.execute(
        sql(
            f"SELECT {_COLUMNS}, changed_at, (SELECT count(*) FROM tombstones AS t WHERE t.tenant = d.tenant "  # noqa: S608 - constants
            "AND t.kind = d.kind AND t.source = d.source) AS tombstones FROM datasets AS d "
            "WHERE tenant = :tenant AND removed_sequence IS NULL "
            'ORDER BY kind COLLATE "C", source COLLATE "C"'
        ),
        {"tenant": tenant},
    )
    return [
        DatasetState(_version(row), row.tombstones, row.changed_at)
        for row in rows
        if row.records or row.tombstones
    ]


async def forget(connection: AsyncConnection, tenant: str, floor: int) -> None:
    """Delete versions that nobody sees at `floor` or later."""
    await connection.execute(
        sql("DELETE FROM datasets WHERE tenant = :tenant AND removed_sequence <= :floor"),
        {"tenant": tenant, "floor": floor},
    )


async def tenants(connection: AsyncConnection) -> list[str]:
    """Return all tenants that have evidence; for background work alone."""
    rows = await connection.execute(sql("SELECT tenant FROM sequences ORDER BY tenant"))
    return list(rows.scalars())


def _version(row: Row[tuple[object, ...]]) -> DatasetVersion:
    return DatasetVersion(
        DatasetName(row.kind, row.source),
        row.records,
        row.segments,
        row.plain_bytes,
        row.stored_bytes,
        row.digest,
        row.as_of,
        row.stated_as_of,
    )
