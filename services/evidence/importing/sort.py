"""Sorts any number of records in bounded memory: sorted runs on disk, merged as streams."""

from __future__ import annotations

import heapq
import io
import struct
from collections.abc import Iterable, Iterator
from concurrent.futures import Executor, Future
from pathlib import Path
from typing import BinaryIO, NamedTuple

import msgspec
import zstandard

from services.evidence.importing.documents import ImportedRecord
from services.evidence.importing.limits import MIB

RUN_BYTES = 16 * MIB  # held twice: one run fills while the one before is sorted and written
MAX_FAN_IN = 32  # runs merged at once: each takes a decompressor's window, about 1 MiB
SPILL_LEVEL = 1  # runs are read once and thrown away: speed over size
READ_BYTES = 128 * 1024
RECORD_OVERHEAD_BYTES = 600  # what a record takes in memory beside its document and source line, measured
_LENGTHS = struct.Struct("<LL")


class _Head(NamedTuple):
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


class _Run:
    """One sorted run on disk, read as a stream; a head's document is read only when it is taken."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._file: BinaryIO = io.BytesIO()
        self._waiting = 0

    def heads(self) -> Iterator[tuple[_Head, int, _Run]]:
        """Yield heads with the run itself; its `id` parts equal heads, as runs cannot be compared."""
        with self._path.open("rb") as stored:
            stream = zstandard.ZstdDecompressor().stream_reader(stored)
            self._file = io.BufferedReader(stream, READ_BYTES)
            while prefix := self._file.read(_LENGTHS.size):
                head_size, self._waiting = _LENGTHS.unpack(prefix)
                yield _Head._make(_decode(self._file.read(head_size))), id(self), self
                self.take()

    def take(self) -> bytes:
        document = self._file.read(self._waiting)
        self._waiting = 0
        return document


_decode = msgspec.msgpack.Decoder(tuple[str, str, bytes, str, str, bytes, str, bytes, int | None]).decode
_encode = msgspec.msgpack.Encoder().encode


class Sorter:
    """Takes records in any order and gives them back sorted; what does not fit in memory goes to `folder`.

    One run is sorted and written by a thread of `pool` while the next one fills.
    """

    def __init__(self, folder: Path, pool: Executor, run_bytes: int = RUN_BYTES) -> None:
        self._folder = folder
        self._pool = pool
        self._writing: Future[None] | None = None
        self._run_bytes = run_bytes
        self._held: list[ImportedRecord] = []
        self._held_bytes = 0
        self._levels: list[list[Path]] = []
        self._written = 0

    def add(self, record: ImportedRecord) -> None:
        """Take one record."""
        self._held.append(record)
        self._held_bytes += len(record.document) + len(record.source_line) + RECORD_OVERHEAD_BYTES
        if self._held_bytes >= self._run_bytes:
            self._spill()

    def _spill(self) -> None:
        """Hand what is held to the thread that writes, once it has written the run before."""
        if self._writing is not None:
            self._writing.result()
        self._writing = self._pool.submit(self._write_sorted, self._held)
        self._held, self._held_bytes = [], 0

    def sorted(self) -> Iterator[ImportedRecord]:
        """Yield all records in order; nothing can be added any more."""
        if self._writing is None:
            self._held.sort()
            yield from self._held
            return
        self._spill()
        self._writing.result()
        yield from _merge([path for level in self._levels for path in level])

    def _write_sorted(self, records: list[ImportedRecord]) -> None:
        records.sort()
        self._keep(self._write(records), 0)

    def _keep(self, path: Path, level: int) -> None:
        """Remember a run; when a level is full, its runs become one of the next."""
        if level == len(self._levels):
            self._levels.append([])
        self._levels[level].append(path)
        if len(self._levels[level]) == MAX_FAN_IN:
            full, self._levels[level] = self._levels[level], []
            merged = self._write(_merge(full))
            for done in full:
                done.unlink()
            self._keep(merged, level + 1)

    def _write(self, records: Iterable[ImportedRecord]) -> Path:
        self._written += 1
        path = self._folder / f"run-{self._written}"
        compressor = zstandard.ZstdCompressor(level=SPILL_LEVEL)
        with path.open("wb") as stored, compressor.stream_writer(stored) as stream:
            for record in records:
                head = _encode((*record[:7], record.source_line, record.stated))
                lengths = _LENGTHS.pack(len(head), len(record.document))
                stream.write(b"".join((lengths, head, record.document)))
        return path


def _merge(paths: list[Path]) -> Iterator[ImportedRecord]:
    for head, _, run in heapq.merge(*(_Run(path).heads() for path in paths)):
        yield ImportedRecord(*head[:7], run.take(), head.source_line, head.stated)
