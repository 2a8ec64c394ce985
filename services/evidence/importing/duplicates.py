"""Settles records that share a key in one import: equal documents are one, of different ones one is kept."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator

from services.evidence.importing.documents import ImportedRecord
from services.evidence.values import Refused

DUPLICATE_KEY = "duplicate-key"


def settle(
    records: Iterable[ImportedRecord], put_aside: Callable[[Refused], None]
) -> Iterator[ImportedRecord]:
    """Yield one of the sorted records for each key: the first, which has the smallest URI and digest."""
    kept: ImportedRecord | None = None
    for record in records:
        if kept is None or record[:3] != kept[:3]:
            kept = record
            yield record
        elif record.document != kept.document:
            put_aside(_refused(record, kept))


def _refused(record: ImportedRecord, kept: ImportedRecord) -> Refused:
    key = record.key.decode()
    return Refused(
        record.source,
        record.location,
        DUPLICATE_KEY,
        f"another document of this import has the key {key[:200]!r}, from {kept.uri[:200]!r}, and was kept; "
        "tell them apart with --key id+path",
        record.digest,
    )
