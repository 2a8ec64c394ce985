"""Turns a flat sequence of file starts and chunks into files that are read one after the other."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from libs.common.errors import InvalidField


@dataclass(frozen=True, slots=True)
class FileBegins:
    """The next chunks belong to the file of this name."""

    name: str


@dataclass(frozen=True, slots=True)
class ReceivedFile:
    """A file whose bytes can be read once, in order, before the next file is asked for."""

    name: str
    chunks: Iterator[bytes]


def files(parts: Iterable[FileBegins | bytes]) -> Iterator[ReceivedFile]:
    """Yield each file; what its reader leaves unread is passed over."""
    remaining = iter(parts)
    begun = next(remaining, None)
    while begun is not None:
        if not isinstance(begun, FileBegins):
            raise InvalidField(field="data", reason="bytes arrived before the first file was named")
        following: list[FileBegins] = []
        chunks = _chunks(remaining, following)
        yield ReceivedFile(begun.name, chunks)
        for _ in chunks:
            pass
        begun = following[0] if following else None


def _chunks(parts: Iterator[FileBegins | bytes], following: list[FileBegins]) -> Iterator[bytes]:
    """Yield bytes up to the next file start, which is left in `following`."""
    for part in parts:
        if isinstance(part, FileBegins):
            following.append(part)
            return
        if part:
            yield part
