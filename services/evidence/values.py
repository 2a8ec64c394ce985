"""What the ledger speaks of: datasets, their versions and segments, snapshots, counts."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple

from libs.common.segments.frame import Frame

FRAME_LEVEL = (
    3  # the level at which real evidence packs twenty-fold; higher ones cost ten times the time for a tenth
)


class DatasetName(NamedTuple):
    """The records of one kind from one source; names sort by kind, then source."""

    kind: str
    source: str


@dataclass(frozen=True, slots=True)
class Segment:
    """One stored segment: its keys, its frames, the newest time that its records state.

    `codec_library` is the version of zstd that made the frames; empty where nobody wrote it down.
    """

    first_key: bytes
    last_key: bytes
    records: int
    documents: Frame
    sources: Frame
    ledger: Frame
    newest_stated: int | None
    codec_library: str


@dataclass(frozen=True, slots=True)
class DatasetVersion:
    """A dataset as it stands from one sequence on; `stated_as_of` is what an import said of its time."""

    name: DatasetName
    records: int
    segments: int
    plain_bytes: int
    stored_bytes: int
    digest: str
    as_of: datetime | None
    stated_as_of: datetime | None


@dataclass(frozen=True, slots=True)
class Snapshot:
    """Evidence at one sequence; empty `kinds` or `sources` mean all of them."""

    id: str
    sequence: int
    kinds: tuple[str, ...]
    sources: tuple[str, ...]
    holder: str

    def holds(self, name: DatasetName) -> bool:
        """Say whether a dataset was asked for."""
        return (not self.kinds or name.kind in self.kinds) and (
            not self.sources or name.source in self.sources
        )


@dataclass(frozen=True, slots=True)
class KeyRange:
    """Keys from `start` on, before `end` and only after `after`; empty bounds are open."""

    start: bytes = b""
    end: bytes = b""
    after: bytes = b""

    def holds(self, key: bytes) -> bool:
        """Say whether a key lies in the range."""
        return key >= self.start and (not self.after or key > self.after) and (not self.end or key < self.end)


@dataclass(frozen=True, slots=True)
class Refused:
    """A document that is put aside: why, and what would be right."""

    source: str
    location: str
    reason: str
    detail: str
    digest: str

    @property
    def file(self) -> str:
        """The file that it came in, as `file_of` names it."""
        return file_of(_LINE.sub("", self.location))


def file_of(location: str) -> str:
    """Return the outermost file of a location without a line."""
    return location.partition("!")[0]


_LINE = re.compile(r":[0-9]+\Z")
