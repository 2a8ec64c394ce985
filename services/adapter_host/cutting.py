"""Cuts a stream of records into segments, by the rule by which a ledger cuts those that it stores."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncGenerator

from libs.common.digests import sha256_digest
from libs.common.segments.cut import OpenSegment, Record
from libs.common.segments.plain import plain_documents, plain_sources
from services.adapter_host.adapters.base import Batch
from services.adapter_host.evidence import Cut, Plain


async def cut_records(
    kind: str, records: AsyncGenerator[Record, None]
) -> AsyncGenerator[tuple[Cut, Batch], None]:
    """Yield each segment with its plain bytes; one segment is held."""
    segment = OpenSegment(kind)
    async with contextlib.aclosing(records) as stream:
        async for record in stream:
            if segment.ends_before(record):
                yield await asyncio.to_thread(_segment, segment.take())
            segment.add(record)
        if segment.records:
            yield await asyncio.to_thread(_segment, segment.take())


def _segment(records: list[Record]) -> tuple[Cut, Batch]:
    batch = Batch(plain_documents(records), plain_sources(records))
    cut = Cut(
        records[0].key,
        records[-1].key,
        len(records),
        Plain(sha256_digest(batch.documents), len(batch.documents)),
        Plain(sha256_digest(batch.sources), len(batch.sources)),
    )
    return cut, batch
