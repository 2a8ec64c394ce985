"""Makes records for tests of segments: small, made up, and a pure function of what is asked for."""

from collections.abc import Iterable, Sequence

from libs.common.segments.cut import Record
from libs.common.segments.merge import Existing


def made_record(key: str, version: int = 0, size: int = 0) -> Record:
    """Return the record of `key` in one of its versions, its document `size` bytes longer than the least."""
    document = f'{{"id":"{key}","text":"{"x" * size}","version":{version}}}'.encode()
    return Record(key.encode(), document, f'{{"key":"{key}"}}'.encode(), b"", None)


def keys(segments: Iterable[Sequence[Record]]) -> list[list[str]]:
    """Return the keys of segments."""
    return [[record.key.decode() for record in segment] for segment in segments]


def as_existing(segments: Sequence[list[Record]]) -> list[Existing[int]]:
    """Return `segments` as existing ones, found by their place in the list."""
    return [Existing(segment[0].key, segment[-1].key, at) for at, segment in enumerate(segments)]
