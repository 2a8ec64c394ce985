"""Makes what leaves of a segment that does not leave as it came: transformed, compressed anew, or nothing.

The result is a pure function of the segment's plain bytes, the transform and the codec. So it is remembered
under the digest of those three, and the same segment costs one note the next time.
"""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import msgspec

from libs.common.canon.encode import encode
from libs.common.digests import Digest, sha256_digest
from libs.common.errors import BlobCorrupt, CodecUnavailable, Internal
from libs.common.points import reached
from libs.common.segments.frame import Frame, library_version, make_frame
from services.adapter_host.adapters.base import Batch
from services.adapter_host.evidence import Cut
from services.adapter_host.opening import first_key
from services.adapter_host.source import Source

NOTE_FORM = "derived-segment/2"  # changes with the form of the note


@dataclass(frozen=True, slots=True)
class Kept:
    """What leaves of a segment: its frames are in the host's store."""

    first_key: bytes
    records: int
    documents: Frame
    sources: Frame


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of a segment; nothing is kept where no record was taken."""

    kept: Kept | None


@dataclass(frozen=True, slots=True)
class Loaded:
    """A segment that leaves, with the bytes of both frames."""

    kept: Kept
    documents: bytes
    sources: bytes


class _FrameNote(msgspec.Struct, frozen=True):
    plain_digest: str
    plain_bytes: int
    stored_digest: str
    stored_bytes: int


class _Note(msgspec.Struct, frozen=True):
    """Empty when nothing is kept."""

    first_key: str = ""
    records: int = 0
    documents: _FrameNote | None = None
    sources: _FrameNote | None = None


class Derivation:
    """Derives segments for one tenant, transform and codec."""

    def __init__(self, source: Source) -> None:
        self._blobs = source.blobs
        self._storing = source.storing
        self._tenant = source.order.snapshot.tenant
        self._transform = source.order.transform
        self._codec = source.order.codec

    async def remembered(self, cuts: Sequence[Cut], *, as_it_is: bool = False) -> list[Outcome | None]:
        """Return what became of each segment when it was last made or taken over, if all is still there."""
        names = [self._note_name(cut, as_it_is=as_it_is) for cut in cuts]
        notes = await self._blobs.notes_get(self._tenant, names)
        outcomes = [
            None if note is None else _read_note(note, name) for name, note in zip(names, notes, strict=True)
        ]
        frames = [_frames(outcome) for outcome in outcomes]
        missing = await self._blobs.missing(self._tenant, [*itertools.chain.from_iterable(frames)])
        return [
            outcome if missing.isdisjoint(needed) else None
            for outcome, needed in zip(outcomes, frames, strict=True)
        ]

    async def derive(self, cut: Cut, batch: Batch, dataset: str) -> Loaded | None:
        """Return what leaves of the segment, while it is being stored."""
        loaded = await asyncio.to_thread(self._make, batch, dataset)
        kept = None if loaded is None else loaded.kept
        frames: dict[str, bytes] = {}
        if loaded is not None:
            frames[loaded.kept.documents.stored_digest] = loaded.documents
            frames[loaded.kept.sources.stored_digest] = loaded.sources
        await self._storing.begin(self._store(self._note_name(cut), kept, frames))
        return loaded

    async def take_over(self, cut: Cut, kept: Kept, frames: Mapping[str, bytes]) -> None:
        """Begin to store frames as they came, and to remember that they hold what is stated of them."""
        await self._storing.begin(self._store(self._note_name(cut, as_it_is=True), kept, frames))

    async def _store(self, name: str, kept: Kept | None, frames: Mapping[str, bytes]) -> None:
        """Store the frames, then remember the outcome."""
        await self._blobs.put_known(self._tenant, frames)
        reached("adapter.frames_stored")
        note = msgspec.json.encode(_note_of(kept))
        await self._blobs.note_put(self._tenant, name, note)
        reached("adapter.note_stored")

    async def load(self, outcome: Outcome) -> Loaded | None:
        """Return what left of a segment when it was derived before."""
        kept = outcome.kept
        if kept is None:
            return None
        documents, sources = await self._blobs.get_all(self._tenant, _frames(outcome))
        return Loaded(kept, documents, sources)

    def _make(self, batch: Batch, dataset: str) -> Loaded | None:
        if self._codec.library != library_version():
            raise CodecUnavailable(installed=library_version(), wanted=self._codec.library)
        plain = batch if self._transform is None else self._transform.apply(batch)
        records = plain.documents.count(b"\n")
        if records != plain.sources.count(b"\n"):
            raise Internal(part="the adapter", reason=f"it left documents of {dataset} without their sources")
        if not records:
            return None
        documents, stored_documents = make_frame(plain.documents, self._codec.level)
        sources, stored_sources = make_frame(plain.sources, self._codec.level)
        kept = Kept(first_key(plain.sources, dataset), records, documents, sources)
        return Loaded(kept, stored_documents, stored_sources)

    def _note_name(self, cut: Cut, *, as_it_is: bool = False) -> str:
        """Frames of an upstream may hold the same as those made here and be others, so each has its notes."""
        inputs = {
            "form": NOTE_FORM,
            "as_it_is": as_it_is,
            "documents": cut.documents.digest,
            "sources": cut.sources.digest,
            "transform": "" if self._transform is None else self._transform.digest,
            "codec": [self._codec.name, self._codec.level, self._codec.library],
        }
        return sha256_digest(encode(inputs))


def _frames(outcome: Outcome | None) -> tuple[str, ...]:
    if outcome is None or outcome.kept is None:
        return ()
    return outcome.kept.documents.stored_digest, outcome.kept.sources.stored_digest


def _note_of(kept: Kept | None) -> _Note:
    if kept is None:
        return _Note()
    return _Note(
        kept.first_key.decode("utf-8"), kept.records, _frame_note(kept.documents), _frame_note(kept.sources)
    )


def _frame_note(frame: Frame) -> _FrameNote:
    return _FrameNote(frame.plain_digest, frame.plain_bytes, frame.stored_digest, frame.stored_bytes)


def _read_note(raw: bytes, name: str) -> Outcome:
    try:
        note = msgspec.json.decode(raw, type=_Note)
    except msgspec.MsgspecError as error:
        raise BlobCorrupt(digest=name) from error
    if note.documents is None or note.sources is None:
        return Outcome(None)
    return Outcome(
        Kept(note.first_key.encode("utf-8"), note.records, _frame(note.documents), _frame(note.sources))
    )


def _frame(note: _FrameNote) -> Frame:
    return Frame(Digest(note.plain_digest), note.plain_bytes, Digest(note.stored_digest), note.stored_bytes)
