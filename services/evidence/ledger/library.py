"""Fetches the frames of segments from the blob store, and keeps new ones there."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from concurrent.futures import Future

import msgspec

from libs.common.blobs.store import Blobs
from libs.common.errors import EvidenceCorrupt
from libs.common.points import reached
from libs.common.segments.cut import Record
from libs.common.segments.frame import BadFrame
from libs.common.segments.plain import BadLines
from services.evidence.ledger import frames
from services.evidence.ledger.frames import BadSegment, Framed
from services.evidence.threads import Bridge
from services.evidence.values import DatasetName, Segment

_BROKEN = (BadFrame, BadLines, BadSegment, msgspec.MsgspecError)


class Library:
    """The frames of one dataset, for work in a thread."""

    def __init__(self, blobs: Blobs, bridge: Bridge, tenant: str, name: DatasetName) -> None:
        self._blobs = blobs
        self._bridge = bridge
        self._tenant = tenant
        self._name = name

    def load(self, segment: Segment) -> list[Record]:
        """Return the records of a segment."""
        roles = (segment.documents, segment.sources, segment.ledger)
        digests = [frame.stored_digest for frame in roles]
        stored = self._bridge.call(self._blobs.get_all(self._tenant, digests))
        try:
            return frames.read(segment, (stored[0], stored[1], stored[2]))
        except _BROKEN as error:
            raise self._corrupt(error) from error

    def keys(self, segments: Iterable[Segment]) -> Iterator[bytes]:
        """Yield the keys of segments in order."""
        for segment in segments:
            stored = self._bridge.call(self._blobs.get(self._tenant, segment.sources.stored_digest))
            try:
                yield from frames.keys(segment, stored)
            except _BROKEN as error:
                raise self._corrupt(error) from error

    def keep(self, framed: Framed) -> Future[None]:
        """Begin to store the frames of a new segment."""
        segment = framed.segment
        roles = (segment.documents, segment.sources, segment.ledger)
        digests = [frame.stored_digest for frame in roles]
        return self._bridge.begin(self._put(dict(zip(digests, framed.stored, strict=True))))

    async def _put(self, stored: dict[str, bytes]) -> None:
        await self._blobs.put_known(self._tenant, stored)
        reached("evidence.frames_stored")

    def _corrupt(self, error: Exception) -> EvidenceCorrupt:
        return EvidenceCorrupt(dataset=f"{self._name.kind} of {self._name.source}", reason=error)
