"""Tells which records two lists of segments differ in, opening only the segments that are not in both."""

from collections.abc import Callable, Hashable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

from libs.common.segments.cut import Record, check_ascending, is_same_content

Ref = TypeVar("Ref")


@dataclass(frozen=True, slots=True)
class Listed(Generic[Ref]):
    """A segment in a list.

    `content` is equal for two segments only when documents and sources are: the pair of their plain digests.
    """

    first_key: bytes
    content: Hashable
    ref: Ref


@dataclass(frozen=True, slots=True)
class Added:
    """A record that only the later list has."""

    record: Record


@dataclass(frozen=True, slots=True)
class Updated:
    """A record whose content differs."""

    before: Record
    after: Record


@dataclass(frozen=True, slots=True)
class Removed:
    """A record that only the earlier list has."""

    record: Record


Difference = Added | Updated | Removed


def diff(
    before: Sequence[Listed[Ref]],
    after: Sequence[Listed[Ref]],
    load: Callable[[Ref], Iterable[Record]],
) -> Iterator[Difference]:
    """Yield the differences in order of key; at most one segment of each list is open at a time."""
    common = _marks(before) & _marks(after)
    earlier = _records(before, common, load)
    later = _records(after, common, load)
    old, new = next(earlier, None), next(later, None)
    while old is not None or new is not None:
        if new is None or (old is not None and old.key < new.key):
            assert old is not None
            yield Removed(old)
            old = next(earlier, None)
        elif old is None or new.key < old.key:
            yield Added(new)
            new = next(later, None)
        else:
            if not is_same_content(old, new):
                yield Updated(old, new)
            old, new = next(earlier, None), next(later, None)


def _marks(segments: Sequence[Listed[Ref]]) -> set[tuple[bytes, Hashable]]:
    return {(segment.first_key, segment.content) for segment in segments}


def _records(
    segments: Sequence[Listed[Ref]],
    common: set[tuple[bytes, Hashable]],
    load: Callable[[Ref], Iterable[Record]],
) -> Iterator[Record]:
    last_key: bytes | None = None
    for segment in segments:
        if (segment.first_key, segment.content) in common:
            continue
        for record in load(segment.ref):
            check_ascending(last_key, record.key)
            last_key = record.key
            yield record
