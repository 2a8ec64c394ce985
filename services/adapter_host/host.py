"""Turns one shard of evidence into parts: source → transform → frames → blobs, a few segments at a time.

Whatever way a segment takes (taken over as the upstream has it, found in the store, derived anew, cut from a
stream of records), the same bytes come out. So work that is done twice or shared by hosts changes nothing.
"""

from __future__ import annotations

import contextlib
from collections.abc import AsyncGenerator
from dataclasses import dataclass

from stellaops.export.work.v1.work_pb2 import Part, ShardOutput

from libs.common.blobs.store import Blob, Blobs
from libs.common.bundle import layout
from libs.common.points import reached
from services.adapter_host.beside import beside
from services.adapter_host.listed import ListedRange
from services.adapter_host.orders import ShardOrder, Tally
from services.adapter_host.source import Source
from services.adapter_host.sources.ledger import Ledger, NoSegments
from services.adapter_host.streamed import StreamedRange


@dataclass(frozen=True, slots=True)
class ShardMade:
    """A finished shard: the blob of its ShardOutput, and what is in it; bytes are those of documents."""

    output: Blob
    records: int
    plain_bytes: int
    stored_bytes: int
    segments: int
    segments_reused: int


async def run_shard(order: ShardOrder, ledger: Ledger, blobs: Blobs) -> ShardMade:
    """Make the shard; its blobs are stored before this returns, and a second time gives the same ones."""
    parts: list[Part] = []
    tally = Tally()
    async with beside() as storing:
        for key_range in order.ranges:
            source = Source(order, key_range, ledger, blobs, storing, tally)
            async with contextlib.aclosing(_parts(source)) as made:
                async for files in made:
                    parts += files
    output = ShardOutput(parts=parts).SerializeToString(deterministic=True)
    documents = [part for part in parts if part.role == layout.DOCUMENTS]
    stored = await blobs.put(order.snapshot.tenant, output)
    reached("adapter.output_stored")
    return ShardMade(
        stored,
        records=sum(part.records for part in documents),
        plain_bytes=sum(part.plain_bytes for part in documents),
        stored_bytes=sum(part.bytes for part in documents),
        segments=tally.segments,
        segments_reused=tally.reused,
    )


async def _parts(source: Source) -> AsyncGenerator[tuple[Part, Part], None]:
    """Yield the two files of each part of a range, in order."""
    try:
        async with contextlib.aclosing(ListedRange(source).parts()) as listed:
            async for files in listed:
                yield files
    except NoSegments:
        async with contextlib.aclosing(StreamedRange(source).parts()) as made:
            async for files in made:
                yield files
