"""What can be sent of a bundle: where each byte of it comes from, and how those bytes are read.

Nothing here is stored or held whole: a range is planned a window at a time and read a chunk at a time.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import AsyncGenerator, Iterator, Sequence
from dataclasses import dataclass
from itertools import accumulate
from typing import Protocol

from libs.common.blobs.store import Blobs
from libs.common.bundle.tar import Literal
from libs.common.http.kernel import FileRange, FileRanges
from services.distributor.layouts import Layout, LayoutFile

CHUNK_BYTES = 256 << 10  # smaller pieces are joined up to this
MOST_FILES = 64  # named in one transfer: their names are all that is held of them
WINDOW_BYTES = 768 << 10  # planned at once; with what was gathered before, no chunk is over 1 MiB


@dataclass(frozen=True, slots=True)
class BlobRange:
    """A range of one blob's bytes."""

    digest: str
    offset: int
    length: int


Source = Literal | BlobRange


class Content(Protocol):
    """Bytes of known length that come from somewhere."""

    @property
    def size(self) -> int:
        """Return the length."""

    def plan(self, start: int, length: int) -> Iterator[Source]:
        """Yield the sources that, joined, are `length` bytes from `start`."""


@dataclass(frozen=True, slots=True)
class LiteralContent:
    """Bytes at hand."""

    data: bytes

    @property
    def size(self) -> int:
        """Return their number."""
        return len(self.data)

    def plan(self, start: int, length: int) -> Iterator[Source]:
        """Yield the slice."""
        yield Literal(self.data[start : start + length])


@dataclass(frozen=True, slots=True)
class FileContent:
    """One file of a bundle."""

    file: LayoutFile

    @property
    def size(self) -> int:
        """Return its length."""
        return self.file.size

    def plan(self, start: int, length: int) -> Iterator[Source]:
        """Yield ranges of its pieces."""
        end = start + length
        number = bisect_right(self.file.ends, start)
        while start < end:
            piece = self.file.pieces[number]
            offset = start - (self.file.ends[number] - piece.size)
            taken = min(end - start, piece.size - offset)
            yield BlobRange(piece.digest, offset, taken)
            start += taken
            number += 1


@dataclass(frozen=True, slots=True)
class TarContent:
    """The tar of a whole bundle."""

    layout: Layout

    @property
    def size(self) -> int:
        """Return its length."""
        return self.layout.tar.size

    def plan(self, start: int, length: int) -> Iterator[Source]:
        """Yield headers, padding and ranges of the files' pieces."""
        end = start + length
        while start < end:
            window = min(WINDOW_BYTES, end - start)
            for piece in self.layout.tar.plan(start, window):
                if isinstance(piece, Literal):
                    yield piece
                else:
                    yield from FileContent(self.layout.files[piece.file]).plan(piece.offset, piece.length)
            start += window


@dataclass(frozen=True, slots=True)
class SliceContent:
    """A range of another content."""

    whole: Content
    start: int
    size: int

    def plan(self, start: int, length: int) -> Iterator[Source]:
        """Yield the sources of the range's range."""
        return self.whole.plan(self.start + start, length)


class JoinedContent:
    """Several contents, one after the other."""

    __slots__ = ("_ends", "_parts")

    def __init__(self, parts: Sequence[Content]) -> None:
        """Take the parts in order."""
        self._parts = tuple(parts)
        self._ends = tuple(accumulate(part.size for part in self._parts))

    @property
    def size(self) -> int:
        """Return their length in all."""
        return self._ends[-1] if self._ends else 0

    def plan(self, start: int, length: int) -> Iterator[Source]:
        """Yield the sources of each part that the range touches."""
        end = start + length
        number = bisect_right(self._ends, start)
        while start < end:
            part = self._parts[number]
            offset = start - (self._ends[number] - part.size)
            taken = min(end - start, part.size - offset)
            yield from part.plan(offset, taken)
            start += taken
            number += 1


async def read(
    blobs: Blobs, tenant: str, content: Content, start: int, length: int
) -> AsyncGenerator[bytes, None]:
    """Yield a range in chunks of at most 1 MiB; only here do bytes of a blob pass through the process."""
    gathered = bytearray()
    for source in content.plan(start, length):
        if isinstance(source, Literal):
            gathered += source.data
        elif len(gathered) + source.length < CHUNK_BYTES:
            async for chunk in blobs.stream(tenant, source.digest, source.offset, source.length):
                gathered += chunk
        else:
            if gathered:
                yield bytes(gathered)
                gathered.clear()
            async for chunk in blobs.stream(tenant, source.digest, source.offset, source.length):
                yield chunk
        if len(gathered) >= CHUNK_BYTES:
            yield bytes(gathered)
            gathered.clear()
    if gathered:
        yield bytes(gathered)


async def refer(
    blobs: Blobs, tenant: str, content: Content, start: int, length: int
) -> AsyncGenerator[bytes | FileRanges, None]:
    """Yield a range as files for the kernel to send and bytes between them; of a bucket all are bytes."""
    gathered = bytearray()
    files: list[FileRange] = []
    for source in content.plan(start, length):
        if isinstance(source, Literal):
            if files:
                yield FileRanges(tuple(files))
                files = []
            gathered += source.data
            continue
        if gathered:
            yield bytes(gathered)
            gathered.clear()
        path = blobs.local_path(tenant, source.digest)
        if path is None:
            async for chunk in blobs.stream(tenant, source.digest, source.offset, source.length):
                yield chunk
            continue
        files.append(FileRange(path, source.offset, source.length, source.digest))
        if len(files) == MOST_FILES:
            yield FileRanges(tuple(files))
            files = []
    if files:
        yield FileRanges(tuple(files))
    if gathered:
        yield bytes(gathered)
