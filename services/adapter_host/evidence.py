"""What the adapter host reads, as values: where it lies, how it is cut, how it is compressed."""

from __future__ import annotations

from dataclasses import dataclass

from libs.common.segments.frame import Frame


@dataclass(frozen=True, slots=True)
class Codec:
    """How frames are compressed; equal codecs make equal frames of equal plain bytes."""

    name: str
    level: int
    library: str


@dataclass(frozen=True, slots=True)
class Snapshot:
    """One tenant's evidence at one moment."""

    tenant: str
    id: str


@dataclass(frozen=True, slots=True)
class KeyRange:
    """Keys of one kind and source from `start` to before `end`; empty means without a bound."""

    kind: str
    source: str
    start: bytes
    end: bytes

    @property
    def dataset(self) -> str:
        """Name of what it is a range of, for people."""
        return f"{self.kind}/{self.source}"


@dataclass(frozen=True, slots=True)
class Plain:
    """Plain bytes by digest and length."""

    digest: str
    size: int


@dataclass(frozen=True, slots=True)
class Cut:
    """A segment as it is cut from the evidence, by what it holds: keys, records, plain bytes."""

    first_key: bytes
    last_key: bytes
    records: int
    documents: Plain
    sources: Plain


@dataclass(frozen=True, slots=True)
class Stored:
    """A cut whose frames the upstream keeps."""

    cut: Cut
    documents: Frame
    sources: Frame
