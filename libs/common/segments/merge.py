"""Merges changes into a list of segments, loading and cutting anew no more than the changes touch.

Invariant: the kept segments and the cut ones, in the order given, are exactly the cut of the merged records,
provided that the existing ones are the cut of theirs. Nothing depends on the history that led there.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Generic, NamedTuple, TypeVar

from libs.common.segments.cut import (
    HARD_CAPS,
    Caps,
    OpenSegment,
    Record,
    check_ascending,
    is_same_content,
)

Ref = TypeVar("Ref")


class Tombstone(NamedTuple):
    """Says that the record of a key is gone."""

    key: bytes


Change = Record | Tombstone


@dataclass(frozen=True, slots=True)
class Existing(Generic[Ref]):
    """A segment that is there: where it begins and ends, and how its owner finds it."""

    first_key: bytes
    last_key: bytes
    ref: Ref


@dataclass(frozen=True, slots=True)
class Kept(Generic[Ref]):
    """The next segment is this existing one."""

    ref: Ref


@dataclass(frozen=True, slots=True)
class Replaced(Generic[Ref]):
    """This existing segment is no longer one: its records, if any are left, stand in cut ones."""

    ref: Ref


@dataclass(frozen=True, slots=True)
class Cut:
    """The next segment is a new one, of these records."""

    records: list[Record]


Outcome = Kept[Ref] | Replaced[Ref] | Cut


class WrongSegment(ValueError):
    """A loaded segment that is not the one that was asked for."""


@dataclass(slots=True)
class Tally:
    """What the changes did; complete once the merge has been read to its end."""

    added: int = 0
    updated: int = 0
    unchanged: int = 0
    removed: int = 0
    # Segments that had to be read.
    loaded: int = 0


def keep_existing(existing: Record, _again: Record) -> Record:
    """Let the existing record stand where its content came again."""
    return existing


def merge(
    kind: str,
    existing: Sequence[Existing[Ref]],
    changes: Iterable[Change],
    load: Callable[[Ref], Iterable[Record]],
    tally: Tally,
    *,
    is_whole: bool = False,
    caps: Caps = HARD_CAPS,
    again: Callable[[Record, Record], Record] = keep_existing,
) -> Iterator[Outcome[Ref]]:
    """Yield what becomes of `existing` under `changes`, whose keys strictly ascend.

    Every existing segment appears once, as kept or as replaced. A record whose content is the same changes
    nothing, nor does a tombstone for a key that is not there. With `is_whole` the changes are all there is:
    what they do not name is removed. `again` says what stands for an existing record whose content comes
    again: itself, or one with another ledger line.
    """
    _check_order(existing)
    return _Merge(kind, existing, changes, load, tally, is_whole=is_whole, caps=caps, again=again).run()


def _check_order(existing: Sequence[Existing[Ref]]) -> None:
    before: bytes | None = None
    for segment in existing:
        check_ascending(before, segment.first_key)
        if segment.last_key != segment.first_key:
            check_ascending(segment.first_key, segment.last_key)
        before = segment.last_key


class _Changes:
    """The changes still to come, with a look at the next."""

    __slots__ = ("_source", "next")

    def __init__(self, changes: Iterable[Change]) -> None:
        self._source = iter(changes)
        self.next: Change | None = next(self._source, None)

    def take(self) -> Change:
        """Return the next change and look at the one after it."""
        taken = self.next
        assert taken is not None
        self.next = next(self._source, None)
        if self.next is not None:
            check_ascending(taken.key, self.next.key)
        return taken

    def take_before(self, end: bytes | None) -> Iterator[Change]:
        """Take all before `end`, or all that there are."""
        while self.next is not None and (end is None or self.next.key < end):
            yield self.take()


class _Merge(Generic[Ref]):
    """One merge under way.

    `_twin` is the index of the existing segment that the open one equals so far, record by record;
    `_is_twin_complete` says that it equals it to the end.
    """

    def __init__(
        self,
        kind: str,
        existing: Sequence[Existing[Ref]],
        changes: Iterable[Change],
        load: Callable[[Ref], Iterable[Record]],
        tally: Tally,
        *,
        is_whole: bool,
        caps: Caps,
        again: Callable[[Record, Record], Record],
    ) -> None:
        self._existing = existing
        self._changes = _Changes(changes)
        self._load = load
        self._tally = tally
        self._is_whole = is_whole
        self._again = again
        self._open = OpenSegment(kind, caps)
        self._twin: int | None = None
        self._is_twin_complete = False

    def run(self) -> Iterator[Outcome[Ref]]:
        """Yield everything in order."""
        for index, segment in enumerate(self._existing):
            yield from self._add_new_before(segment.first_key)
            if self._ends_before(index) and self._stays(index):
                yield from self._close()
                yield Kept(segment.ref)
            else:
                yield from self._merge_into(index)
        yield from self._add_new_before(None)
        yield from self._close()

    def _ends_before(self, index: int) -> bool:
        """Tell whether the open segment ends before an existing one whose first record stays.

        It does at a key that begins one anywhere, and after the whole twin of the one before, as it did then.
        """
        return (
            not self._open.records
            or self._open.begins_at(self._existing[index].first_key)
            or (self._is_twin_complete and self._twin == index - 1)
        )

    def _stays(self, index: int) -> bool:
        """Tell, without loading it, whether an existing segment stays: unchanged, with a sure end."""
        if self._is_whole:
            return False
        change = self._changes.next
        if change is not None and change.key <= self._existing[index].last_key:
            return False
        is_last = index + 1 == len(self._existing)
        following = None if is_last else self._existing[index + 1].first_key
        while isinstance(change, Tombstone) and (following is None or change.key < following):
            self._changes.take()
            change = self._changes.next
        if change is None or (following is not None and change.key > following):
            return True
        return isinstance(change, Record) and self._open.begins_at(change.key)

    def _add_new_before(self, end: bytes | None) -> Iterator[Outcome[Ref]]:
        """Add the changes before `end`: no existing record has their keys."""
        for change in self._changes.take_before(end):
            if isinstance(change, Record):
                self._tally.added += 1
                yield from self._add(change, None, is_first=False)

    def _merge_into(self, index: int) -> Iterator[Outcome[Ref]]:
        """Load an existing segment and pass its records on, changed as the changes say."""
        segment = self._existing[index]
        for record in self._loaded(segment):
            yield from self._add_new_before(record.key)
            merged = self._merged(record)
            if merged is record:
                yield from self._add(record, index, is_first=record.key == segment.first_key)
                continue
            self._lose_twin(index)
            if merged is not None:
                yield from self._add(merged, None, is_first=False)
        if self._twin == index:
            self._is_twin_complete = True
        else:
            yield Replaced(segment.ref)

    def _loaded(self, segment: Existing[Ref]) -> Iterator[Record]:
        """Yield the records of `segment`, having checked that they are those of its range."""
        self._tally.loaded += 1
        last_key: bytes | None = None
        for record in self._load(segment.ref):
            if last_key is None and record.key != segment.first_key:
                break
            check_ascending(last_key, record.key)
            last_key = record.key
            yield record
        if last_key != segment.last_key:
            raise WrongSegment(
                f"The segment from {segment.first_key!r:.200} to {segment.last_key!r:.200} came with other "
                f"keys. Check its digest and fetch it again."
            )

    def _merged(self, record: Record) -> Record | None:
        """Return what becomes of an existing record: itself, its successor or nothing."""
        change = self._changes.next
        if change is None or change.key != record.key:
            if self._is_whole:
                self._tally.removed += 1
            return None if self._is_whole else record
        self._changes.take()
        if isinstance(change, Tombstone):
            self._tally.removed += 1
            return None
        if is_same_content(record, change):
            self._tally.unchanged += 1
            return self._again(record, change)
        self._tally.updated += 1
        return change

    def _add(self, record: Record, origin: int | None, *, is_first: bool) -> Iterator[Outcome[Ref]]:
        """Append `record`, which is the existing segment `origin`'s own and its first, or has come anew."""
        if self._open.ends_before(record):
            yield from self._close()
        if not self._open.records:
            self._twin = origin if is_first else None
        elif self._twin is not None and self._twin != origin:
            if self._is_twin_complete:
                yield Replaced(self._existing[self._twin].ref)
            self._lose_twin(self._twin)
        self._open.add(record)

    def _lose_twin(self, index: int) -> None:
        if self._twin == index:
            self._twin = None
            self._is_twin_complete = False

    def _close(self) -> Iterator[Outcome[Ref]]:
        if not self._open.records:
            return
        records = self._open.take()
        if self._twin is not None and self._is_twin_complete:
            yield Kept(self._existing[self._twin].ref)
        else:
            yield Cut(records)
        self._twin = None
        self._is_twin_complete = False
