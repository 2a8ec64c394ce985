"""Keeps which segments a dataset has, from which sequence on and until which."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import Row
from sqlalchemy.ext.asyncio import AsyncConnection

from libs.common.db.statement import sql
from libs.common.digests import Digest
from libs.common.segments.frame import Frame
from services.evidence.values import DatasetName, KeyRange, Segment

_ROLES = ("documents", "sources", "ledger")
_FRAME_COLUMNS = tuple(
    f"{role}_{column}"
    for role in _ROLES
    for column in ("plain_digest", "plain_bytes", "stored_digest", "stored_bytes")
)
_COLUMNS = ", ".join(("first_key", "last_key", "records", *_FRAME_COLUMNS, "newest_stated", "codec_library"))
_OF_DATASET = "tenant = :tenant AND kind = :kind AND source = :source"
_AT = "added_sequence <= :sequence AND (removed_sequence IS NULL OR removed_sequence > :sequence)"


async def current(connection: AsyncConnection, tenant: str, name: DatasetName) -> list[Segment]:
    """Return the newest segments of a dataset in order of key."""
    rows = await connection.execute(
        sql(
            f"SELECT {_COLUMNS} FROM segments WHERE {_OF_DATASET} AND removed_sequence IS NULL "  # noqa: S608 - constants
            "ORDER BY first_key"
        ),
        {"tenant": tenant, "kind": name.kind, "source": name.source},
    )
    return [_segment(row) for row in rows]


async def page(
    connection: AsyncConnection, tenant: str, name: DatasetName, sequence: int, keys: KeyRange, limit: int
) -> list[Segment]:
    """Return segments as of a sequence that may hold keys of a range, in order of key.

    `keys.after` leaves out the segments that end at it or before.
    """
    rows = await connection.execute(
        sql(
            f"SELECT {_COLUMNS} FROM segments WHERE {_OF_DATASET} AND {_AT} "  # noqa: S608 - constants
            "AND last_key >= :start AND last_key > :after AND (:end = ''::bytea OR first_key < :end) "
            "ORDER BY first_key LIMIT :limit"
        ),
        {
            "tenant": tenant,
            "kind": name.kind,
            "source": name.source,
            "sequence": sequence,
            "start": keys.start,
            "after": keys.after,
            "end": keys.end,
            "limit": limit,
        },
    )
    return [_segment(row) for row in rows]


async def frames_at(
    connection: AsyncConnection, tenant: str, sequence: int, stored_digests: Sequence[str]
) -> dict[str, tuple[int, set[DatasetName]]]:
    """Return size and datasets of those frames of documents and sources that are there as of a sequence."""
    found: dict[str, tuple[int, set[DatasetName]]] = {}
    for role in ("documents", "sources"):
        rows = await connection.execute(
            sql(
                f"SELECT {role}_stored_digest AS digest, {role}_stored_bytes AS size, kind, source "  # noqa: S608 - constants
                f"FROM segments WHERE tenant = :tenant AND {role}_stored_digest = ANY(:digests) AND {_AT}"
            ),
            {"tenant": tenant, "digests": list(stored_digests), "sequence": sequence},
        )
        for row in rows:
            found.setdefault(row.digest, (row.size, set()))[1].add(DatasetName(row.kind, row.source))
    return found


async def add(
    connection: AsyncConnection, tenant: str, name: DatasetName, segments: Sequence[Segment], sequence: int
) -> None:
    """Add segments that are seen from a sequence on."""
    if not segments:
        return
    columns = ("tenant", "kind", "source", "added_sequence", *_COLUMNS.split(", "))
    await connection.execute(
        sql(
            f"INSERT INTO segments ({', '.join(columns)}) "  # noqa: S608 - constants
            f"VALUES ({', '.join(':' + column for column in columns)})"
        ),
        [
            {
                "tenant": tenant,
                "kind": name.kind,
                "source": name.source,
                "added_sequence": sequence,
                "first_key": segment.first_key,
                "last_key": segment.last_key,
                "records": segment.records,
                "newest_stated": segment.newest_stated,
                "codec_library": segment.codec_library,
                **_frame_values(segment),
            }
            for segment in segments
        ],
    )


async def remove(
    connection: AsyncConnection, tenant: str, name: DatasetName, first_keys: Sequence[bytes], sequence: int
) -> None:
    """Let segments be seen no more from a sequence on."""
    if first_keys:
        await connection.execute(
            sql(
                f"UPDATE segments SET removed_sequence = :sequence WHERE {_OF_DATASET} "  # noqa: S608 - constants
                "AND removed_sequence IS NULL AND first_key = ANY(:first_keys)"
            ),
            {
                "tenant": tenant,
                "kind": name.kind,
                "source": name.source,
                "sequence": sequence,
                "first_keys": list(first_keys),
            },
        )


async def forget(connection: AsyncConnection, tenant: str, floor: int, limit: int) -> tuple[int, set[str]]:
    """Delete up to `limit` segments that nobody sees from `floor` on; return how many, and lost frames."""
    rows = await connection.execute(
        sql(
            "DELETE FROM segments WHERE ctid = ANY(ARRAY(SELECT ctid FROM segments WHERE tenant = :tenant "
            "AND removed_sequence <= :floor LIMIT :limit)) "
            "RETURNING documents_stored_digest, sources_stored_digest, ledger_stored_digest"
        ),
        {"tenant": tenant, "floor": floor, "limit": limit},
    )
    gone = rows.all()
    digests = {digest for row in gone for digest in row}
    return len(gone), digests - await _used(connection, tenant, digests)


async def unknown(connection: AsyncConnection, tenant: str, digests: set[str]) -> set[str]:
    """Return those of some digests that no segment names as a frame."""
    return digests - await _used(connection, tenant, digests)


async def _used(connection: AsyncConnection, tenant: str, digests: set[str]) -> set[str]:
    used: set[str] = set()
    for role in _ROLES if digests else ():
        rows = await connection.execute(
            sql(
                f"SELECT DISTINCT {role}_stored_digest FROM segments "  # noqa: S608 - constants
                f"WHERE tenant = :tenant AND {role}_stored_digest = ANY(:digests)"
            ),
            {"tenant": tenant, "digests": list(digests)},
        )
        used.update(rows.scalars())
    return used


def _frame_values(segment: Segment) -> dict[str, object]:
    return {
        f"{role}_{column}": getattr(frame, column)
        for role, frame in zip(_ROLES, (segment.documents, segment.sources, segment.ledger), strict=True)
        for column in ("plain_digest", "plain_bytes", "stored_digest", "stored_bytes")
    }


def _segment(row: Row[tuple[object, ...]]) -> Segment:
    documents, sources, ledger = (
        Frame(
            plain_digest=Digest(getattr(row, f"{role}_plain_digest")),
            plain_bytes=getattr(row, f"{role}_plain_bytes"),
            stored_digest=Digest(getattr(row, f"{role}_stored_digest")),
            stored_bytes=getattr(row, f"{role}_stored_bytes"),
        )
        for role in _ROLES
    )
    return Segment(
        bytes(row.first_key),
        bytes(row.last_key),
        row.records,
        documents,
        sources,
        ledger,
        row.newest_stated,
        row.codec_library,
    )
