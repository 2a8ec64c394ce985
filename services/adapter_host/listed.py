"""Makes the parts of a range whose upstream lists its segments: what has not changed is not even read."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncGenerator, Container, Sequence
from dataclasses import dataclass

from stellaops.export.work.v1.work_pb2 import Part

from libs.common.points import reached
from libs.common.segments.cut import is_part_start
from libs.common.segments.frame import Frame
from services.adapter_host.ahead import SEGMENTS_AT_ONCE, work_ahead
from services.adapter_host.derive import Derivation, Kept, Loaded, Outcome
from services.adapter_host.evidence import Codec, Stored
from services.adapter_host.opening import open_stored
from services.adapter_host.orders import check_begin
from services.adapter_host.parts import OpenPart, PartNotes, describe
from services.adapter_host.source import Source


@dataclass(frozen=True, slots=True)
class _Planned:
    """A segment before its part is made: what is known of the outcome, and which frames the store lacks."""

    stored: Stored
    outcome: Outcome | None
    lacking: tuple[Frame, ...]


@dataclass(frozen=True, slots=True)
class _Arrived:
    """The same, with the frames that it lacked."""

    planned: _Planned
    frames: dict[str, bytes]


class ListedRange:
    """One range of keys, read segment by segment."""

    def __init__(self, source: Source) -> None:
        self._order = source.order
        self._range = source.range
        self._ledger = source.ledger
        self._blobs = source.blobs
        self._tally = source.tally
        self._tenant = source.order.snapshot.tenant
        self._derivation = Derivation(source)
        self._notes = PartNotes(source.blobs, self._tenant)
        self._takes_over = False

    async def parts(self) -> AsyncGenerator[tuple[Part, Part], None]:
        """Yield the two files of each part in order; a part of which nothing is left is none."""
        async with contextlib.aclosing(self._upstream_parts()) as upstream:
            async for codecs, segments in upstream:
                self._takes_over = self._order.transform is None and codecs == {self._order.codec}
                files = await self._part(segments)
                if files is not None:
                    yield files

    async def _upstream_parts(self) -> AsyncGenerator[tuple[set[Codec], list[Stored]], None]:
        """Yield the upstream's segments, those of one part at a time, and how they are compressed."""
        part: list[Stored] = []
        codecs: set[Codec] = set()
        listing = self._ledger.segments(self._order.snapshot, self._range)
        async with contextlib.aclosing(listing) as segments:
            async for codec, stored in segments:
                if not part:
                    check_begin(self._range, stored.cut.first_key)
                elif is_part_start(self._range.kind, stored.cut.first_key):
                    yield codecs, part
                    part, codecs = [], set()
                part.append(stored)
                codecs.add(codec)
            if part:
                yield codecs, part

    async def _part(self, segments: Sequence[Stored]) -> tuple[Part, Part] | None:
        planned = await self._plan(segments)
        known = [one.outcome.kept for one in planned if one.outcome is not None]
        kept = [segment for segment in known if segment is not None]
        self._tally.reused += len(kept)
        if len(known) == len(planned):
            if not kept:
                return None
            digests = await self._notes.find(kept)
            if digests is not None:
                self._tally.segments += len(kept)
                return describe(self._range, kept, digests)
        return await self._read_part(planned)

    async def _read_part(self, planned: Sequence[_Planned]) -> tuple[Part, Part] | None:
        part = OpenPart(self._range, self._notes)
        async with contextlib.aclosing(
            work_ahead(self._arriving(planned), self._load, SEGMENTS_AT_ONCE)
        ) as loading:
            async for loaded in loading:
                await part.take(loaded)
        self._tally.segments += len(part.segments)
        return await part.finish()

    async def _plan(self, segments: Sequence[Stored]) -> list[_Planned]:
        cuts = [stored.cut for stored in segments]
        outcomes = await self._derivation.remembered(cuts, as_it_is=self._takes_over)
        known = [
            outcome if outcome is not None and self._may_leave(stored, outcome) else None
            for stored, outcome in zip(segments, outcomes, strict=True)
        ]
        wanted = [
            frame.stored_digest
            for stored, outcome in zip(segments, known, strict=True)
            if outcome is None
            for frame in (stored.documents, stored.sources)
        ]
        missing = await self._blobs.missing(self._tenant, wanted)
        return [
            _Planned(stored, outcome, () if outcome is not None else _lacking(stored, missing))
            for stored, outcome in zip(segments, known, strict=True)
        ]

    def _may_leave(self, stored: Stored, outcome: Outcome) -> bool:
        """Tell whether what is remembered is wanted; frames of another upstream may hold the same."""
        return not self._takes_over or outcome.kept == _as_it_is(stored)

    async def _arriving(self, planned: Sequence[_Planned]) -> AsyncGenerator[_Arrived, None]:
        """Yield the segments with the frames that they lack, as these come over one stream."""
        wanted = [frame for one in planned for frame in one.lacking]
        stream = self._ledger.frames(self._order.snapshot, self._range.dataset, wanted)
        async with contextlib.aclosing(stream) as frames:
            for one in planned:
                yield _Arrived(one, {frame.stored_digest: await anext(frames) for frame in one.lacking})

    async def _load(self, arrived: _Arrived) -> Loaded | None:
        stored, outcome = arrived.planned.stored, arrived.planned.outcome
        if outcome is not None:
            return await self._derivation.load(outcome)
        documents = await self._bytes(stored.documents, arrived)
        sources = await self._bytes(stored.sources, arrived)
        batch = await asyncio.to_thread(open_stored, stored, documents, sources, self._range.dataset)
        if not self._takes_over:
            return await self._derivation.derive(stored.cut, batch, self._range.dataset)
        # Only now: what is in the store under a digest has that digest.
        kept = _as_it_is(stored)
        await self._derivation.take_over(stored.cut, kept, arrived.frames)
        reached("adapter.frames_taken_over")
        return Loaded(kept, documents, sources)

    async def _bytes(self, frame: Frame, arrived: _Arrived) -> bytes:
        fetched = arrived.frames.get(frame.stored_digest)
        return await self._blobs.get(self._tenant, frame.stored_digest) if fetched is None else fetched


def _lacking(stored: Stored, missing: Container[str]) -> tuple[Frame, ...]:
    return tuple(frame for frame in (stored.documents, stored.sources) if frame.stored_digest in missing)


def _as_it_is(stored: Stored) -> Kept:
    return Kept(stored.cut.first_key, stored.cut.records, stored.documents, stored.sources)
