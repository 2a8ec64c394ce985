"""What a run reads, pinned: the evidence snapshot and its datasets."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Dataset:
    """The records of one kind from one source; `as_of` is RFC 3339 in UTC, or empty."""

    kind: str
    source: str
    records: int
    segments: int
    plain_bytes: int
    digest: str
    as_of: str

    @property
    def name(self) -> str:
        """Return `kind/source`."""
        return f"{self.kind}/{self.source}"


@dataclass(frozen=True, slots=True)
class Pin:
    """A snapshot without what it holds; `as_of` as in `Dataset`."""

    snapshot_id: str
    digest: str
    as_of: str
    records: int


@dataclass(frozen=True, slots=True)
class Snapshot:
    """Evidence at one moment; `as_of` as in `Dataset`."""

    id: str
    digest: str
    as_of: str
    datasets: tuple[Dataset, ...]

    @property
    def pin(self) -> Pin:
        """Return the snapshot without what it holds."""
        return Pin(self.id, self.digest, self.as_of, self.records)

    @property
    def records(self) -> int:
        """Return how many records there are."""
        return sum(dataset.records for dataset in self.datasets)

    @property
    def plain_bytes(self) -> int:
        """Return their plain length."""
        return sum(dataset.plain_bytes for dataset in self.datasets)


@dataclass(frozen=True, slots=True)
class Segment:
    """One segment as the upstream lists it: what cutting and comparing need of it."""

    first_key: bytes
    plain_bytes: int
    documents_digest: str
    sources_digest: str
