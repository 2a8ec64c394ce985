"""Says what an import or a deletion changes in one dataset: records and tombstones in order of key."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator

from libs.common.segments.cut import Record
from libs.common.segments.merge import Change, Tombstone
from services.evidence.importing.documents import ImportedRecord
from services.evidence.ledger.frames import ledger_line


def records(imported: Iterable[ImportedRecord], observed_at: str, sequence: int) -> Iterator[Record]:
    """Yield imported records as the ledger keeps them."""
    for each in imported:
        line = ledger_line(observed_at, sequence, each.stated)
        yield Record(each.key, each.document, each.source_line, line, each.stated)


def again(existing: Record, imported: Record) -> Record:
    """Return what stands for a record that is imported again as it is: a time that has come since counts."""
    before, now = existing.stated_time, imported.stated_time
    if now is None or (before is not None and before >= now):
        return existing
    seen = existing.ledger.rpartition(b',"t":')[0]
    return existing._replace(ledger=b'%s,"t":%d}' % (seen, now), stated_time=now)


def replacement(existing: Iterable[bytes], new: Iterable[Record]) -> Iterator[Change]:
    """Yield the new records, and a tombstone for each existing key that is not among them."""
    remaining = iter(existing)
    old = next(remaining, None)
    for record in new:
        while old is not None and old < record.key:
            yield Tombstone(old)
            old = next(remaining, None)
        if old == record.key:
            old = next(remaining, None)
        yield record
    while old is not None:
        yield Tombstone(old)
        old = next(remaining, None)


def noted(
    changes: Iterable[Change], note: Callable[[list[bytes], list[bytes]], None], batch: int
) -> Iterator[Change]:
    """Pass changes on, and tell `note` in batches which keys are there from now on and which are gone."""
    present: list[bytes] = []
    gone: list[bytes] = []
    for change in changes:
        (gone if isinstance(change, Tombstone) else present).append(change.key)
        if len(present) + len(gone) >= batch:
            note(present, gone)
            present, gone = [], []
        yield change
    note(present, gone)


def deletion(existing: Iterable[bytes], wanted: Iterable[bytes]) -> Iterator[Change]:
    """Yield a tombstone for each wanted key that is there."""
    named = frozenset(wanted)
    for key in existing:
        if key in named:
            yield Tombstone(key)
