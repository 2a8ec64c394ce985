"""Cuts a sorted stream of records into segments at places that depend on the keys alone.

A segment begins at a key whose hash ends in enough zero bits, a part at one with a few more. The run between
two such keys may be pathological (huge documents, too many records): caps cut it too, counted from where it
begins, so the same records are cut the same whatever their history.
"""

import hashlib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import NamedTuple

from libs.common.digests import digest_hex, sha256_digest

# Zero bits that begin a segment, by kind, so that its plain bytes are near 1 MiB on real data: advisories
# have some KB, VEX documents and findings tens, SBOMs a hundred.
SEGMENT_BITS: Mapping[str, int] = MappingProxyType({"advisory": 9, "vex": 4, "sbom": 3, "finding": 4})
# A part is 32 segments, near 32 MiB.
PART_EXTRA_BITS = 5
# Plain documents of one segment, and its plain sources: what a reader must hold at once.
HARD_CAP_BYTES = 8 * 1024 * 1024
# Records of one segment: tiny ones cost more as objects than as bytes.
HARD_CAP_RECORDS = 65_536

_HASH_BYTES = 8
_NAME_DIGITS = 16


class Record(NamedTuple):
    """One record: its key and its canonical lines, without the newline."""

    key: bytes
    document: bytes
    source: bytes
    # What the ledger keeps for itself; it never leaves, and a change in it alone is no change.
    ledger: bytes
    # Newest time the document states, in microseconds since 1970-01-01 UTC.
    stated_time: int | None


@dataclass(frozen=True, slots=True)
class Caps:
    """What a segment holds at most; a single larger record is a segment of its own."""

    plain_bytes: int = HARD_CAP_BYTES
    records: int = HARD_CAP_RECORDS


HARD_CAPS = Caps()


class UnknownKind(ValueError):
    """A kind of record for which no segment size is decided."""


class KeysOutOfOrder(ValueError):
    """Records or segments whose keys do not strictly ascend."""


def boundary_bits(key: bytes) -> int:
    """Return how many zero bits end the first 8 bytes of the key's SHA-256, 64 at most."""
    word = _hash_word(key)
    return (word & -word).bit_length() - 1 if word else 8 * _HASH_BYTES


def is_segment_start(kind: str, key: bytes) -> bool:
    """Tell whether a segment of `kind` begins at `key`, wherever it stands."""
    return not _hash_word(key) & segment_mask(kind)


def is_part_start(kind: str, key: bytes) -> bool:
    """Tell whether a part of `kind` begins at `key`, wherever it stands."""
    return boundary_bits(key) >= _bits(kind) + PART_EXTRA_BITS


def part_name(first_key: bytes) -> str:
    """Return the name, without ending, of the part that begins at `first_key`."""
    return f"part-{digest_hex(sha256_digest(first_key))[:_NAME_DIGITS]}"


def cut(kind: str, records: Iterable[Record], caps: Caps = HARD_CAPS) -> Iterator[list[Record]]:
    """Yield the segments of `records`, whose keys strictly ascend; at most one segment is held."""
    segment = OpenSegment(kind, caps)
    for record in records:
        if segment.ends_before(record):
            yield segment.take()
        segment.add(record)
    if segment.records:
        yield segment.take()


def is_same_content(one: Record, other: Record) -> bool:
    """Tell whether two records of one key are the same to everybody outside the ledger."""
    return one.document == other.document and one.source == other.source


def check_ascending(before: bytes | None, key: bytes) -> None:
    """Raise unless `key` comes after `before`."""
    if before is not None and key <= before:
        raise KeysOutOfOrder(
            f"Key {key!r:.200} follows {before!r:.200}. Sort by key bytes and give each key once."
        )


def segment_mask(kind: str) -> int:
    """Return the bits of a key's hash that are zero where a segment of `kind` begins."""
    return (1 << _bits(kind)) - 1


class OpenSegment:
    """The segment that is being filled: says where it ends."""

    __slots__ = ("_caps", "_document_bytes", "_last_key", "_mask", "_source_bytes", "records")

    def __init__(self, kind: str, caps: Caps = HARD_CAPS) -> None:
        self._mask = segment_mask(kind)
        self._caps = caps
        self._last_key: bytes | None = None
        self._document_bytes = 0
        self._source_bytes = 0
        self.records: list[Record] = []

    def ends_before(self, record: Record) -> bool:
        """Tell whether `record`, the next one, begins another segment."""
        if not self.records:
            return False
        return (
            self._document_bytes + len(record.document) + 1 > self._caps.plain_bytes
            or self._source_bytes + len(record.source) + 1 > self._caps.plain_bytes
            or len(self.records) >= self._caps.records
            or self.begins_at(record.key)
        )

    def begins_at(self, key: bytes) -> bool:
        """Tell whether a segment begins at `key`, wherever it stands."""
        return not _hash_word(key) & self._mask

    def add(self, record: Record) -> None:
        """Append `record`."""
        check_ascending(self._last_key, record.key)
        self._last_key = record.key
        self._document_bytes += len(record.document) + 1
        self._source_bytes += len(record.source) + 1
        self.records.append(record)

    def take(self) -> list[Record]:
        """Return the records and begin anew."""
        taken = self.records
        self.records = []
        self._document_bytes = 0
        self._source_bytes = 0
        return taken


def _hash_word(key: bytes) -> int:
    return int.from_bytes(hashlib.sha256(key).digest()[:_HASH_BYTES], "big")


def _bits(kind: str) -> int:
    try:
        return SEGMENT_BITS[kind]
    except KeyError as error:
        raise UnknownKind(
            f"{kind!r:.80} is no kind of record. Use one of {', '.join(SEGMENT_BITS)}."
        ) from error
