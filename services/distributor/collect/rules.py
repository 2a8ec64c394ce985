"""Decides what of a tenant's blobs may go: pure.

Invariants: what a root names stays; what was stored or used within the grace period stays; nothing else does.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from enum import StrEnum

from libs.common.blobs.collecting import Found

# A set of so many digests takes about 100 MB. A tenant with more is done in several turns.
MOST_MARKED = 1_000_000


class Fate(StrEnum):
    """What becomes of a blob; `later` where its shard is for another turn."""

    LIVE = "live"
    YOUNG = "young"
    GARBAGE = "garbage"
    LATER = "later"


class Marks:
    """What roots name in some shards, in bounded memory.

    Where that is too much, the last shards are given up: `shards` says which are left, at least one, and the
    others are for another turn.
    """

    def __init__(self, shards: range, most: int = MOST_MARKED) -> None:
        """Begin with no marks in `shards`."""
        self.shards = shards
        self.marked: set[bytes] = set()
        self._most = most

    def add(self, digests: Iterable[bytes]) -> None:
        """Mark what lies in the shards."""
        self.marked.update(digest for digest in digests if digest[0] in self.shards)
        while len(self.marked) > self._most and len(self.shards) > 1:
            self.shards = self.shards[: len(self.shards) // 2]
            self.marked = {digest for digest in self.marked if digest[0] in self.shards}


def fate(found: Found, marks: Marks, used: Mapping[bytes, datetime], cutoff: datetime) -> Fate:
    """Return what becomes of a blob; what was stored or used after `cutoff` is young."""
    if found.digest[0] not in marks.shards:
        return Fate.LATER
    if found.digest in marks.marked:
        return Fate.LIVE
    last = max(found.modified, used.get(found.digest, found.modified))
    return Fate.GARBAGE if last <= cutoff else Fate.YOUNG
