"""Hashes parts as they pass, remembers their digests, describes them: a file of records and a companion."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Sequence
from dataclasses import dataclass

import msgspec
from stellaops.export.work.v1.work_pb2 import Part, Segment

from libs.common.blobs.store import Blobs
from libs.common.bundle import layout
from libs.common.canon.encode import encode
from libs.common.digests import sha256_digest
from libs.common.errors import BlobCorrupt
from libs.common.segments.cut import part_name
from libs.common.segments.frame import Frame
from services.adapter_host.derive import Kept, Loaded
from services.adapter_host.evidence import KeyRange
from services.adapter_host.messages import KIND_NUMBERS

NOTE_FORM = "part-digests/2"  # changes with the form of the note or the rule by which frames become a file


@dataclass(frozen=True, slots=True)
class PartDigests:
    """Digests of the two files of a part, each its frames joined."""

    documents: str
    sources: str


class PartHash:
    """Hashes the segments of one part in order, in the memory of one."""

    def __init__(self) -> None:
        self._documents = hashlib.sha256()
        self._sources = hashlib.sha256()

    def add(self, loaded: Loaded) -> None:
        """Take the next segment."""
        self._documents.update(loaded.documents)
        self._sources.update(loaded.sources)

    def digests(self) -> PartDigests:
        """Return the digests of what was taken."""
        return PartDigests(f"sha256:{self._documents.hexdigest()}", f"sha256:{self._sources.hexdigest()}")


class _Note(msgspec.Struct, frozen=True):
    documents: str
    sources: str


class PartNotes:
    """Remembers the digests of a part under those of its frames: an unchanged part is not read again."""

    def __init__(self, blobs: Blobs, tenant: str) -> None:
        self._blobs = blobs
        self._tenant = tenant

    async def find(self, segments: Sequence[Kept]) -> PartDigests | None:
        """Return the digests of the part that these segments make, if it was hashed before."""
        name = _note_name(segments)
        raw = await self._blobs.note_get(self._tenant, name)
        if raw is None:
            return None
        try:
            note = msgspec.json.decode(raw, type=_Note)
        except msgspec.MsgspecError as error:
            raise BlobCorrupt(digest=name) from error
        return PartDigests(note.documents, note.sources)

    async def remember(self, segments: Sequence[Kept], digests: PartDigests) -> None:
        """Keep the digests of a part."""
        note = _Note(digests.documents, digests.sources)
        await self._blobs.note_put(self._tenant, _note_name(segments), msgspec.json.encode(note))


def _note_name(segments: Sequence[Kept]) -> str:
    inputs = {
        "form": NOTE_FORM,
        "documents": [segment.documents.stored_digest for segment in segments],
        "sources": [segment.sources.stored_digest for segment in segments],
    }
    return sha256_digest(encode(inputs))


class OpenPart:
    """A part that is being filled."""

    def __init__(self, key_range: KeyRange, notes: PartNotes) -> None:
        self._range = key_range
        self._notes = notes
        self._hash = PartHash()
        self.segments: list[Kept] = []

    async def take(self, loaded: Loaded | None) -> None:
        """Add the next segment, if anything of it is left."""
        if loaded is not None:
            await asyncio.to_thread(self._hash.add, loaded)
            self.segments.append(loaded.kept)

    async def finish(self) -> tuple[Part, Part] | None:
        """Return the two files of the part, if anything of it is left."""
        if not self.segments:
            return None
        digests = self._hash.digests()
        await self._notes.remember(self.segments, digests)
        return describe(self._range, self.segments, digests)


def describe(key_range: KeyRange, segments: Sequence[Kept], digests: PartDigests) -> tuple[Part, Part]:
    """Return the two files of a part: records, and where they came from."""
    return (
        _file(key_range, segments, layout.DOCUMENTS, digests.documents),
        _file(key_range, segments, layout.SOURCES, digests.sources),
    )


def _file(key_range: KeyRange, segments: Sequence[Kept], role: str, digest: str) -> Part:
    frames = [kept.documents if role == layout.DOCUMENTS else kept.sources for kept in segments]
    name = part_name(segments[0].first_key)
    return Part(
        kind=KIND_NUMBERS[key_range.kind],
        source=key_range.source,
        role=role,
        path=layout.record_path(key_range.kind, key_range.source, name, role),
        digest=digest,
        bytes=sum(frame.stored_bytes for frame in frames),
        plain_bytes=sum(frame.plain_bytes for frame in frames),
        records=sum(kept.records for kept in segments),
        segments=[_segment(kept, frame) for kept, frame in zip(segments, frames, strict=True)],
    )


def _segment(kept: Kept, frame: Frame) -> Segment:
    return Segment(
        first_key=kept.first_key,
        records=kept.records,
        plain_digest=frame.plain_digest,
        plain_bytes=frame.plain_bytes,
        stored_digest=frame.stored_digest,
        stored_bytes=frame.stored_bytes,
    )
