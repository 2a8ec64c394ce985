"""Keeps the shards of runs: their key ranges, the fingerprints of their segments, what they gave."""

from __future__ import annotations

import base64
import json
from collections.abc import Sequence

from libs.common.db.statement import sql
from services.planner.runs.plan import KeyRange, Shard, fingerprints_in
from services.planner.runs.values import BlobRef
from services.planner.store.connection import Connection


async def replace(connection: Connection, tenant: str, run: str, shards: Sequence[Shard]) -> None:
    """Give a run these shards; those of an earlier attempt go."""
    await connection.execute(
        sql("DELETE FROM export_shards WHERE tenant = :tenant AND run = :run"),
        {"tenant": tenant, "run": run},
    )
    await connection.execute(
        sql(
            "INSERT INTO export_shards (tenant, run, shard, ranges, fingerprints) "
            "SELECT :tenant, :run, position - 1, ranges, fingerprints FROM "
            "unnest(CAST(:ranges AS text[]), CAST(:fingerprints AS bytea[])) WITH ORDINALITY "
            "AS listed (ranges, fingerprints, position)"
        ),
        {
            "tenant": tenant,
            "run": run,
            "ranges": [_write(shard.ranges) for shard in shards],
            "fingerprints": [shard.fingerprints for shard in shards],
        },
    )


async def take_over(connection: Connection, tenant: str, run: str, earlier: str) -> None:
    """Give a run the shards of an earlier one, with what they gave."""
    await connection.execute(
        sql(
            "INSERT INTO export_shards "
            "(tenant, run, shard, ranges, fingerprints, output_digest, output_bytes) "
            "SELECT tenant, :run, shard, ranges, fingerprints, output_digest, output_bytes "
            "FROM export_shards WHERE tenant = :tenant AND run = :earlier"
        ),
        {"tenant": tenant, "run": run, "earlier": earlier},
    )


async def ranges(
    connection: Connection, tenant: str, run: str, shards: Sequence[int]
) -> dict[int, tuple[KeyRange, ...]]:
    """Return the key ranges of some shards."""
    result = await connection.execute(
        sql(
            "SELECT shard, ranges FROM export_shards "
            "WHERE tenant = :tenant AND run = :run AND shard = ANY(:shards)"
        ),
        {"tenant": tenant, "run": run, "shards": list(shards)},
    )
    return {row.shard: _read(row.ranges) for row in result}


async def keep_output(connection: Connection, tenant: str, run: str, shard: int, output: BlobRef) -> None:
    """Remember what a shard gave."""
    await connection.execute(
        sql(
            "UPDATE export_shards SET output_digest = :digest, output_bytes = :size "
            "WHERE tenant = :tenant AND run = :run AND shard = :shard"
        ),
        {
            "tenant": tenant,
            "run": run,
            "shard": shard,
            "digest": output.digest,
            "size": output.size,
        },
    )


async def outputs(connection: Connection, tenant: str, run: str) -> list[BlobRef]:
    """Return what all shards gave, in order."""
    result = await connection.execute(
        sql(
            "SELECT output_digest, output_bytes FROM export_shards "
            "WHERE tenant = :tenant AND run = :run ORDER BY shard"
        ),
        {"tenant": tenant, "run": run},
    )
    return [BlobRef(row.output_digest, row.output_bytes) for row in result]


async def fingerprints(connection: Connection, tenant: str, run: str) -> frozenset[bytes]:
    """Return the fingerprints of all segments that a run read."""
    result = await connection.execute(
        sql("SELECT fingerprints FROM export_shards WHERE tenant = :tenant AND run = :run"),
        {"tenant": tenant, "run": run},
    )
    return frozenset(mark for joined in result.scalars() for mark in fingerprints_in(joined))


def _write(found: Sequence[KeyRange]) -> str:
    return json.dumps([[part.kind, part.source, _to_text(part.start), _to_text(part.end)] for part in found])


def _read(written: str) -> tuple[KeyRange, ...]:
    return tuple(
        KeyRange(kind, source, base64.b64decode(start), base64.b64decode(end))
        for kind, source, start, end in json.loads(written)
    )


def _to_text(key: bytes) -> str:
    return base64.b64encode(key).decode("ascii")
