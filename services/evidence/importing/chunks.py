"""Reads exact lengths and blocks of lines out of a stream of chunks, holding no more than was asked for."""

from __future__ import annotations

import hashlib
import io
from collections.abc import Iterator
from dataclasses import dataclass

from libs.common.errors import BadArchive
from services.evidence.importing.limits import BLOCK_BYTES, MAX_BLOCK_LINES, MAX_LOOSE_PIECES


class ChunkReader:
    """A stream of chunks that is read by length."""

    def __init__(self, chunks: Iterator[bytes], location: str) -> None:
        self._chunks = chunks
        self._location = location
        self._held = memoryview(b"")

    def some(self, most: int) -> bytes:
        """Return between one and `most` bytes; none at the end."""
        if not self._held:
            self._held = memoryview(next(self._chunks, b""))
        taken = bytes(self._held[:most])
        self._held = self._held[most:]
        return taken

    def exactly(self, size: int) -> bytes:
        """Return `size` bytes or say that the stream ends in the middle."""
        data = b"".join(self.pieces(size))
        assert len(data) == size
        return data

    def pieces(self, size: int) -> Iterator[bytes]:
        """Yield the next `size` bytes in pieces."""
        while size:
            piece = self.some(size)
            if not piece:
                raise BadArchive(location=self._location, reason="it ends in the middle")
            size -= len(piece)
            yield piece

    def at_end(self) -> bool:
        """Say whether nothing follows."""
        if not self._held:
            self._held = memoryview(next(self._chunks, b""))
        return not self._held


@dataclass(frozen=True, slots=True)
class Oversize:
    """A document or line that is longer than the limit: its length and digest are all that is kept."""

    size: int
    digest: str


class _Line:
    """Collects one line or document up to a limit, and only hashes it from there on."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._held = io.BytesIO()  # not a list: pieces may be of one byte each
        self._size = 0
        self._hash: hashlib._Hash | None = None

    def add(self, piece: bytes) -> None:
        self._size += len(piece)
        if self._hash is None and self._size <= self._limit:
            self._held.write(piece)
            return
        if self._hash is None:
            self._hash = hashlib.sha256(self._held.getvalue())
            self._held = io.BytesIO()
        self._hash.update(piece)

    def finish(self) -> bytes | Oversize:
        if self._hash is None:
            return self._held.getvalue()
        return Oversize(self._size, "sha256:" + self._hash.hexdigest())


def whole(chunks: Iterator[bytes], limit: int) -> bytes | Oversize:
    """Return all bytes of a stream as one document."""
    document = _Line(limit)
    for chunk in chunks:
        document.add(chunk)
    return document.finish()


@dataclass(frozen=True, slots=True)
class Block:
    """Whole lines in a row, as they stand in the stream, or one that is too long; `first` counts from 1.

    The lines come in pieces that may be cut anywhere: joining them would copy every byte once more.
    """

    first: int
    lines: int
    content: tuple[bytes, ...] | Oversize


def blocks(chunks: Iterator[bytes], limit: int, size: int = BLOCK_BYTES) -> Iterator[Block]:
    r"""Yield the lines, split on `\n`, in blocks of about `size` bytes; a longer line stands alone."""
    lines = _Lines(limit, size)
    for chunk in chunks:
        for piece, ends in _pieces(chunk, limit):
            yield from lines.add(piece, ends)
    yield from lines.finish()


def _pieces(chunk: bytes, limit: int) -> Iterator[tuple[bytes, int]]:
    """Cut a chunk anywhere, so that no piece is longer than a line may be or holds too many line ends.

    Each comes with their number, which nobody counts again.
    """
    ends = chunk.count(b"\n")
    if len(chunk) <= limit and ends <= MAX_BLOCK_LINES:
        yield chunk, ends
        return
    middle = len(chunk) // 2
    yield from _pieces(chunk[:middle], limit)
    yield from _pieces(chunk[middle:], limit)


class _Lines:
    """Lines that wait for their block to be full: whole ones, then the beginning of one."""

    def __init__(self, limit: int, size: int) -> None:
        self._limit = limit
        self._size = size
        self._first = 1
        self._whole: list[bytes] = []
        self._loose: list[bytes] = []
        self._whole_bytes = 0
        self._whole_lines = 0
        self._rest: _Line | None = None

    def add(self, piece: bytes, ends: int) -> Iterator[Block]:
        """Take the next bytes, in which so many lines end."""
        start = 0
        if self._rest is not None and ends:
            start = piece.find(b"\n") + 1
            self._rest.add(piece[: start - 1])
            yield from self._end_line(self._rest.finish())
            self._rest = None
            ends -= 1
        if ends:
            end = piece.rfind(b"\n") + 1
            self._hold(piece[start:end], ends)
            start = end
        if self._whole_bytes >= self._size or self._whole_lines >= MAX_BLOCK_LINES:
            yield from self._flush()
        if start < len(piece):
            self._rest = self._rest or _Line(self._limit)
            self._rest.add(piece[start:])

    def finish(self) -> Iterator[Block]:
        """Take the end of the stream; nothing after the last line feed is no line."""
        if self._rest is not None:
            yield from self._end_line(self._rest.finish())
        yield from self._flush()

    def _end_line(self, line: bytes | Oversize) -> Iterator[Block]:
        if isinstance(line, bytes) and len(line) < self._size:
            self._hold(line + b"\n", 1)
            return
        yield from self._flush()
        yield Block(self._first, 1, (line,) if isinstance(line, bytes) else line)
        self._first += 1

    def _hold(self, lines: bytes, count: int) -> None:
        self._loose.append(lines)
        self._whole_bytes += len(lines)
        self._whole_lines += count
        if len(self._loose) == MAX_LOOSE_PIECES:
            self._whole.append(b"".join(self._loose))
            self._loose = []

    def _flush(self) -> Iterator[Block]:
        if self._whole_bytes:
            yield Block(self._first, self._whole_lines, (*self._whole, *self._loose))
        self._first += self._whole_lines
        self._whole, self._loose, self._whole_bytes, self._whole_lines = [], [], 0, 0
