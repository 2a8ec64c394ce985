"""Makes the parts of a range whose upstream knows records alone: cut by the same rule, so the same parts."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncGenerator

from stellaops.export.work.v1.work_pb2 import Part

from libs.common.segments.cut import is_part_start
from services.adapter_host.adapters.base import Batch
from services.adapter_host.ahead import SEGMENTS_AT_ONCE, work_ahead
from services.adapter_host.cutting import cut_records
from services.adapter_host.derive import Derivation, Loaded
from services.adapter_host.evidence import Cut
from services.adapter_host.orders import check_begin
from services.adapter_host.parts import OpenPart, PartNotes
from services.adapter_host.source import Source


class StreamedRange:
    """One range of keys, read record by record."""

    def __init__(self, source: Source) -> None:
        self._order = source.order
        self._range = source.range
        self._ledger = source.ledger
        self._tally = source.tally
        self._derivation = Derivation(source)
        self._notes = PartNotes(source.blobs, source.order.snapshot.tenant)

    async def parts(self) -> AsyncGenerator[tuple[Part, Part], None]:
        """Yield the two files of each part in order; a part of which nothing is left is none."""
        part: OpenPart | None = None
        records = self._ledger.records(self._order.snapshot, self._range)
        cuts = cut_records(self._range.kind, records)
        async with contextlib.aclosing(work_ahead(cuts, self._load, SEGMENTS_AT_ONCE)) as loading:
            async for cut, loaded in loading:
                if part is None:
                    check_begin(self._range, cut.first_key)
                    part = OpenPart(self._range, self._notes)
                elif is_part_start(self._range.kind, cut.first_key):
                    if (files := await self._finish(part)) is not None:
                        yield files
                    part = OpenPart(self._range, self._notes)
                await part.take(loaded)
        if part is not None and (files := await self._finish(part)) is not None:
            yield files

    async def _load(self, item: tuple[Cut, Batch]) -> tuple[Cut, Loaded | None]:
        cut, batch = item
        (outcome,) = await self._derivation.remembered([cut])
        if outcome is None:
            return cut, await self._derivation.derive(cut, batch, self._range.dataset)
        loaded = await self._derivation.load(outcome)
        self._tally.reused += loaded is not None
        return cut, loaded

    async def _finish(self, part: OpenPart) -> tuple[Part, Part] | None:
        self._tally.segments += len(part.segments)
        return await part.finish()
