"""Decides what a run is and how its work is cut: identity, and shards of whole parts.

Invariants: equal inputs give an equal plan digest, and nothing else enters it; the shards cover every key of
every dataset once and in order; no shard begins or ends within a part; how the work is cut changes no byte of
the bundle.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from libs.common.canon.encode import encode
from libs.common.digests import Digest, digest_hex, sha256_digest
from libs.common.segments.cut import is_part_start
from services.planner.profiles.spec import (
    ProfileSpec,
    Selector,
    selector_document,
    spec_digest,
)
from services.planner.runs.evidence import Dataset, Segment

EXPORT_ID_DIGITS = 40  # 160 bits: as much as a git commit
# A shard costs the planner messages and transactions; more than these keep no more hosts busy. The assemble
# message, 85 bytes a shard, is far under the bus's 1 MiB with twice as many and one for each 64 datasets.
ENOUGH_SHARDS = 128
# A shard's message names two keys a range, each of up to 4 KiB, and must stay well under the bus's 1 MiB.
MAX_RANGES = 64
FINGERPRINT_BYTES = 8  # enough to tell the segments of one installation apart; nothing is proved by it


@dataclass(frozen=True, slots=True)
class AdapterVersion:
    """The adapter that a run is pinned to."""

    version: str
    schema: str


@dataclass(frozen=True, slots=True)
class Codec:
    """How frames are compressed; the name is always `zstd`."""

    level: int
    library: str


@dataclass(frozen=True, slots=True)
class Identity:
    """Everything that makes an export what it is; `spec` is the effective one."""

    tenant: str
    profile: str
    revision: int
    spec: ProfileSpec
    snapshot_digest: str
    adapter: AdapterVersion
    codec: Codec


@dataclass(frozen=True, slots=True)
class KeyRange:
    """Keys of one dataset, from `start` to before `end`; empty means from the beginning or to the end."""

    kind: str
    source: str
    start: bytes = b""
    end: bytes = b""


@dataclass(frozen=True, slots=True)
class Part:
    """A run of segments that no shard splits; `fingerprints` tells its segments apart, in order."""

    first_key: bytes
    plain_bytes: int
    fingerprints: bytes = b""


@dataclass(frozen=True, slots=True)
class Shard:
    """Work that one adapter host does at a time."""

    ranges: tuple[KeyRange, ...]
    fingerprints: bytes


def effective_spec(spec: ProfileSpec, selector: Selector) -> ProfileSpec:
    """Return the spec with the run's own selector applied."""
    return replace(spec, selector=spec.selector.narrowed_by(selector))


def plan_digest(identity: Identity) -> Digest:
    """Return the digest that equal inputs share."""
    spec = identity.spec
    return sha256_digest(
        encode(
            {
                "tenant": identity.tenant,
                "profile": {
                    "kind": spec.kind,
                    "variant": spec.variant,
                    "name": identity.profile,
                    "revision": f"r{identity.revision}",
                },
                "spec": spec_digest(spec),
                "selector": selector_document(spec.selector),
                "snapshot": identity.snapshot_digest,
                "adapter": {
                    "name": f"{spec.kind}:{spec.variant}",
                    "version": identity.adapter.version,
                    "schema": identity.adapter.schema,
                },
                "codec": {
                    "name": "zstd",
                    "level": identity.codec.level,
                    "library": identity.codec.library,
                },
            }
        )
    )


def export_id(digest: Digest) -> str:
    """Return the export's id: the first digits of its plan digest."""
    return digest_hex(digest)[:EXPORT_ID_DIGITS]


def fingerprint(segment: Segment) -> bytes:
    """Return a few bytes that change with the content of a segment."""
    text = segment.documents_digest + segment.sources_digest
    return hashlib.sha256(text.encode("ascii")).digest()[:FINGERPRINT_BYTES]


def parts_of(kind: str, segments: Iterable[Segment]) -> list[Part]:
    """Return the parts of one dataset; `segments` are all of its segments in order."""
    parts: list[Part] = []
    members: list[Segment] = []
    for segment in segments:
        if members and is_part_start(kind, segment.first_key):
            parts.append(_part(members))
            members = []
        members.append(segment)
    if members:
        parts.append(_part(members))
    return parts


def _part(members: Sequence[Segment]) -> Part:
    plain_bytes = sum(segment.plain_bytes for segment in members)
    return Part(members[0].first_key, plain_bytes, b"".join(map(fingerprint, members)))


def unlisted(dataset: Dataset) -> list[Part]:
    """Return the one part of a dataset whose upstream lists no segments."""
    return [Part(b"", dataset.plain_bytes)]


def cut(datasets: Sequence[tuple[Dataset, Sequence[Part]]], shard_bytes: int) -> list[Shard]:
    """Return shards of about `shard_bytes` plain bytes; larger ones where there would be too many."""
    total = sum(part.plain_bytes for _, parts in datasets for part in parts)
    # Two neighbours that were not packed together exceed the limit, so there are at most twice as many.
    limit = max(shard_bytes, total // ENOUGH_SHARDS + 1)
    shards: list[Shard] = []
    opened = _OpenShard()
    for dataset, parts in datasets:
        for number, part in enumerate(parts):
            last = number + 1 == len(parts)
            found = KeyRange(
                dataset.kind,
                dataset.source,
                part.first_key if number else b"",
                b"" if last else parts[number + 1].first_key,
            )
            if not opened.takes(found, part.plain_bytes, limit):
                shards.append(opened.close())
                opened = _OpenShard()
            opened.add(found, part)
    if opened.ranges:
        shards.append(opened.close())
    return shards


class _OpenShard:
    """A shard that still takes parts."""

    def __init__(self) -> None:
        self.ranges: list[KeyRange] = []
        self._plain_bytes = 0
        self._fingerprints: list[bytes] = []

    def _continues(self, found: KeyRange) -> bool:
        if not self.ranges:
            return False
        last = self.ranges[-1]
        return (last.kind, last.source) == (found.kind, found.source)

    def takes(self, found: KeyRange, plain_bytes: int, limit: int) -> bool:
        if not self.ranges:
            return True
        ranges = len(self.ranges) + (not self._continues(found))
        return self._plain_bytes + plain_bytes <= limit and ranges <= MAX_RANGES

    def add(self, found: KeyRange, part: Part) -> None:
        if self._continues(found):
            self.ranges[-1] = replace(self.ranges[-1], end=found.end)
        else:
            self.ranges.append(found)
        self._plain_bytes += part.plain_bytes
        self._fingerprints.append(part.fingerprints)

    def close(self) -> Shard:
        return Shard(tuple(self.ranges), b"".join(self._fingerprints))


def count_new(parts: Iterable[Part], known: frozenset[bytes]) -> int:
    """Return how many segments of `parts` have a fingerprint that is not in `known`."""
    return sum(mark not in known for part in parts for mark in fingerprints_in(part.fingerprints))


def fingerprints_in(joined: bytes) -> Iterable[bytes]:
    """Return the fingerprints that were joined."""
    return (joined[at : at + FINGERPRINT_BYTES] for at in range(0, len(joined), FINGERPRINT_BYTES))
