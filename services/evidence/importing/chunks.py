"""Reads exact lengths and lines out of a stream of chunks, without holding more than was asked for."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass

from libs.common.errors import BadArchive


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
        self._pieces: list[bytes] = []
        self._size = 0
        self._hash: hashlib._Hash | None = None

    def add(self, piece: bytes) -> None:
        self._size += len(piece)
        if self._hash is None and self._size <= self._limit:
            self._pieces.append(piece)
            return
        if self._hash is None:
            self._hash = hashlib.sha256(b"".join(self._pieces))
            self._pieces.clear()
        self._hash.update(piece)

    def finish(self) -> bytes | Oversize:
        if self._hash is None:
            return b"".join(self._pieces)
        return Oversize(self._size, "sha256:" + self._hash.hexdigest())


def whole(chunks: Iterator[bytes], limit: int) -> bytes | Oversize:
    """Return all bytes of a stream as one document."""
    document = _Line(limit)
    for chunk in chunks:
        document.add(chunk)
    return document.finish()


def lines(chunks: Iterator[bytes], limit: int) -> Iterator[bytes | Oversize]:
    r"""Yield what stands between the bytes `\n`, and nothing for an empty rest at the end."""
    pending: _Line | None = None
    for chunk in chunks:
        first, *following = chunk.split(b"\n")
        if not following:
            pending = pending or _Line(limit)
            pending.add(first)
            continue
        if pending is None:
            yield _bounded(first, limit)
        else:
            pending.add(first)
            yield pending.finish()
        for line in following[:-1]:
            yield _bounded(line, limit)
        pending = None
        if following[-1]:
            pending = _Line(limit)
            pending.add(following[-1])
    if pending is not None:
        yield pending.finish()


def _bounded(line: bytes, limit: int) -> bytes | Oversize:
    if len(line) <= limit:
        return line
    return Oversize(len(line), "sha256:" + hashlib.sha256(line).hexdigest())
