"""Reads the files of a bundle within limits, hashing what passes."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator
from typing import Protocol

from libs.common.bundle.faults import BadBundle


class BundleSource(Protocol):
    """Where a bundle lies: a tar, a folder, a registry. Both methods may raise BadBundle.

    Once `files` is through, several threads may read files at once.
    """

    def files(self) -> Iterable[tuple[str, int]]:
        """Yield path and length of every file that is there, in ascending order of path."""

    def open(self, path: str) -> Iterator[bytes]:
        """Yield the bytes of one of the files in chunks of bounded length."""


class HashingReader:
    """Reads from chunks what is asked for and hashes it; stops at `limit` bytes and says if there is more."""

    __slots__ = ("_buffer", "_chunks", "_hash", "_limit", "count", "path", "surplus")

    def __init__(self, chunks: Iterator[bytes], path: str, limit: int) -> None:
        self._chunks = chunks
        self._buffer = memoryview(b"")
        self._hash = hashlib.sha256()
        self._limit = limit
        self.path = path
        self.count = 0
        self.surplus = False  # there is more than the limit

    def read(self, size: int) -> bytes:
        """Return up to `size` bytes, none at the end or at the limit."""
        while not self._buffer:
            chunk = next(self._chunks, None)
            if chunk is None:
                return b""
            self._buffer = memoryview(chunk)
        wanted = min(size, self._limit - self.count)
        if not wanted:
            self.surplus = True
            return b""
        taken = bytes(self._buffer[:wanted])
        self._buffer = self._buffer[wanted:]
        self._hash.update(taken)
        self.count += len(taken)
        return taken

    def read_exactly(self, size: int) -> bytes:
        """Return `size` bytes; fewer only where the file or the limit ends before."""
        first = self.read(size)
        if len(first) == size:
            return first
        pieces, missing = [first], size - len(first)
        while missing and (piece := self.read(missing)):
            pieces.append(piece)
            missing -= len(piece)
        return b"".join(pieces)

    def drain(self, size: int = 1 << 20) -> None:
        """Read on to the end or the limit."""
        while self.read(size):
            continue

    @property
    def digest(self) -> str:
        """`sha256:…` of what was read."""
        return f"sha256:{self._hash.hexdigest()}"


def read_whole(source: BundleSource, path: str, limit: int, stated: int = 0) -> bytes:
    """Return a file's bytes; raise BadBundle when there are more than `limit`, read or only `stated`."""
    taken = bytearray()
    if stated <= limit:
        for chunk in source.open(path):
            taken += chunk
            if len(taken) > limit:
                break
        else:
            return bytes(taken)
    raise BadBundle(path, f"the file has more than {limit} bytes, the most that is read of it at once")
