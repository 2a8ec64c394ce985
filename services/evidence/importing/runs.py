"""Writes sorted records as compressed blocks and merges such runs, a block of each in memory at a time."""

from __future__ import annotations

import heapq
import struct
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, NamedTuple

import msgspec
import zstandard

from services.evidence.importing.documents import ImportedRecord

BLOCK_BYTES = 128 * 1024  # of documents, and about that of the rest: what an open run holds
RECORD_OVERHEAD_BYTES = 600  # what a record takes in memory beside its document and source line, measured
LEVEL = 1  # runs are read once and thrown away: speed over size
_LENGTHS = struct.Struct("<LLLL")  # heads and documents: stored and plain


class Head(NamedTuple):
    """All of a record but its document, in the order of `ImportedRecord`."""

    kind: str
    source: str
    key: bytes
    uri: str
    digest: str
    content: bytes
    location: str
    source_line: bytes
    stated: int | None


class Place(NamedTuple):
    """Where a record stands in the order of all, as far as it matters for what overlaps."""

    kind: str
    source: str
    key: bytes


@dataclass(frozen=True, slots=True)
class Run:
    """Sorted records in one file, and between which places they lie."""

    first: Place
    last: Place
    path: Path


_encode = msgspec.msgpack.Encoder().encode
_decode_heads = msgspec.msgpack.Decoder(list[Head]).decode
_decode_documents = msgspec.msgpack.Decoder(list[bytes]).decode


def held_bytes(record: ImportedRecord) -> int:
    """Return what a record takes in memory, about."""
    return len(record.document) + len(record.source_line) + RECORD_OVERHEAD_BYTES


def pack(records: Iterable[ImportedRecord]) -> Iterator[bytes]:
    """Yield sorted records as blocks; a document of the size of a block has one of its own."""
    compress = zstandard.ZstdCompressor(level=LEVEL).compress
    held: list[ImportedRecord] = []
    size = 0
    for record in records:
        taken = held_bytes(record)
        if held and size + taken > BLOCK_BYTES:
            yield _block(held, compress)
            held, size = [], 0
        held.append(record)
        size += taken
    if held:
        yield _block(held, compress)


def _block(records: list[ImportedRecord], compress: Callable[[bytes], bytes]) -> bytes:
    heads = _encode([record[:-1] for record in records])
    documents = _encode([record.document for record in records])
    stored = compress(heads), compress(documents)
    lengths = _LENGTHS.pack(len(stored[0]), len(heads), len(stored[1]), len(documents))
    return b"".join((lengths, *stored))


class _Cursor:
    """Stands at one record of a run; the documents of a block are unpacked only when one is wanted."""

    def __init__(self, run: Run) -> None:
        self._file: BinaryIO = run.path.open("rb")
        self._decompress = zstandard.ZstdDecompressor().decompress
        self._heads: list[Head] = []
        self._documents: list[bytes] | None = None
        self._lengths = (0, 0)
        self._at = -1

    @property
    def head(self) -> Head:
        """The record that it stands at."""
        return self._heads[self._at]

    @property
    def last(self) -> Head:
        """The last record of the block that it stands in."""
        return self._heads[-1]

    def move(self) -> bool:
        """Go to the next record; false at the end."""
        self._at += 1
        return self._at < len(self._heads) or self._load()

    def _load(self) -> bool:
        if self._heads and self._documents is None:
            self._file.seek(self._lengths[0], 1)
        self._heads, self._documents, self._at = [], None, 0
        if not (prefix := self._file.read(_LENGTHS.size)):
            return False
        stored, plain, *lengths = _LENGTHS.unpack(prefix)
        self._lengths = lengths[0], lengths[1]
        self._heads = _decode_heads(self._unpacked(stored, plain))
        return True

    def _unpacked(self, stored: int, plain: int) -> bytes:
        return self._decompress(self._file.read(stored), max_output_size=plain)

    def record(self) -> ImportedRecord:
        """Return the record that it stands at."""
        if self._documents is None:
            self._documents = _decode_documents(self._unpacked(*self._lengths))
        return ImportedRecord._make((*self._heads[self._at], self._documents[self._at]))

    def rest(self) -> Iterator[ImportedRecord]:
        """Yield the records from here to the end of the block, and stand at the last."""
        yield self.record()
        assert self._documents is not None
        start, self._at = self._at + 1, len(self._heads) - 1
        for head, document in zip(self._heads[start:], self._documents[start:], strict=True):
            yield ImportedRecord._make((*head, document))

    def close(self) -> None:
        """Close the file."""
        self._file.close()


def merge(runs: Sequence[Run]) -> Iterator[ImportedRecord]:
    """Yield the records of all runs in order; a run is opened when the order comes to its first record."""
    waiting = sorted(runs, key=lambda run: run.first, reverse=True)
    heap: list[tuple[Head, int, _Cursor]] = []
    try:
        while heap or waiting:
            while waiting and (not heap or heap[0][0] >= waiting[-1].first):
                _open(waiting.pop(), len(waiting), heap)
            _, number, cursor = heap[0]
            if len(heap) == 1 and (not waiting or cursor.last < waiting[-1].first):
                yield from cursor.rest()
            else:
                yield cursor.record()
            if cursor.move():
                heapq.heapreplace(heap, (cursor.head, number, cursor))
            else:
                heapq.heappop(heap)
                cursor.close()
    finally:
        for _, _, cursor in heap:
            cursor.close()


def _open(run: Run, number: int, heap: list[tuple[Head, int, _Cursor]]) -> None:
    cursor = _Cursor(run)
    if cursor.move():
        heapq.heappush(heap, (cursor.head, number, cursor))
    else:
        cursor.close()


def overlap(runs: Iterable[Run]) -> int:
    """Return how many runs at most are open at once while they are merged."""
    ends: list[Place] = []
    most = 0
    for run in sorted(runs, key=lambda run: run.first):
        while ends and ends[0] < run.first:
            heapq.heappop(ends)
        heapq.heappush(ends, run.last)
        most = max(most, len(ends))
    return most
