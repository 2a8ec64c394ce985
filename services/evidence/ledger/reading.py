"""Opens snapshots and reads them: segments by list and by frame, records by key; always the same bytes."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

import msgspec

from libs.common.blobs.store import Blobs
from libs.common.clock import Clock
from libs.common.db.engine import Database
from libs.common.errors import EvidenceCorrupt, InvalidField, SnapshotGone
from libs.common.ids import new_uid
from libs.common.segments.frame import BadFrame, decompress
from libs.common.segments.plain import BadLines, split_lines
from services.evidence.ledger.batches import Batch, batches
from services.evidence.ledger.digests import snapshot_digest
from services.evidence.ledger.frames import key_of
from services.evidence.store import datasets, locks, quarantine, segments, snapshots
from services.evidence.store.datasets import DatasetState
from services.evidence.values import DatasetName, DatasetVersion, KeyRange, Segment, Snapshot

SEGMENTS_AT_ONCE = 200  # segments that a stream of records looks up with one query


@dataclass(frozen=True, slots=True)
class Opened:
    """A snapshot and what it holds."""

    snapshot: Snapshot
    versions: list[DatasetVersion]

    @property
    def digest(self) -> str:
        """Names the content alone."""
        return snapshot_digest(self.versions)

    @property
    def as_of(self) -> datetime | None:
        """The latest time of its datasets."""
        return max((each.as_of for each in self.versions if each.as_of is not None), default=None)


@dataclass(frozen=True, slots=True)
class Status:
    """What the ledger holds: newest sequence, datasets, and by source and reason what was put aside."""

    sequence: int
    states: list[DatasetState]
    quarantined: list[tuple[str, str, int]]


class Reader:
    """Reads one service's ledgers."""

    def __init__(self, database: Database, blobs: Blobs, clock: Clock) -> None:
        self._database = database
        self._blobs = blobs
        self._clock = clock

    async def open(self, tenant: str, kinds: Sequence[str], sources: Sequence[str], holder: str) -> Opened:
        """Pin the newest evidence, or return what `holder` has pinned."""
        async with self._database.tenant(tenant) as connection:
            await locks.share_history(connection, tenant)
            newest = await datasets.sequence(connection, tenant)
            new = Snapshot(new_uid(), newest, tuple(sorted(set(kinds))), tuple(sorted(set(sources))), holder)
            snapshot = await snapshots.open_once(connection, tenant, new, self._clock())
            versions = await datasets.versions_at(connection, tenant, snapshot.sequence)
        return Opened(snapshot, [version for version in versions if snapshot.holds(version.name)])

    async def release(self, tenant: str, snapshot_id: str, holder: str) -> None:
        """Let go of a snapshot; doing so again changes nothing."""
        async with self._database.tenant(tenant) as connection:
            await snapshots.release(connection, tenant, snapshot_id, holder)

    async def segments(
        self, tenant: str, snapshot_id: str, name: DatasetName, keys: KeyRange, limit: int
    ) -> list[Segment]:
        """Return up to `limit` segments of a snapshot that may hold keys of a range."""
        async with self._database.tenant(tenant) as connection:
            snapshot = await snapshots.find(connection, tenant, snapshot_id)
            if snapshot is None:
                raise SnapshotGone(snapshot=snapshot_id)
            if not snapshot.holds(name):
                return []
            return await segments.page(connection, tenant, name, snapshot.sequence, keys, limit)

    async def frames(
        self, tenant: str, snapshot_id: str, stored_digests: Sequence[str]
    ) -> AsyncIterator[tuple[str, bytes, bool]]:
        """Yield digest, bytes and whether they are the last, of frames that all belong to the snapshot."""
        sizes = await self._sizes(tenant, snapshot_id, stored_digests)
        for digest in stored_digests:
            remaining = sizes[digest]
            async for chunk in self._blobs.stream(tenant, digest, 0, remaining):
                remaining -= len(chunk)
                yield digest, chunk, remaining == 0

    async def _sizes(self, tenant: str, snapshot_id: str, stored_digests: Sequence[str]) -> dict[str, int]:
        async with self._database.tenant(tenant) as connection:
            snapshot = await snapshots.find(connection, tenant, snapshot_id)
            if snapshot is None:
                raise SnapshotGone(snapshot=snapshot_id)
            found = await segments.frames_at(connection, tenant, snapshot.sequence, stored_digests)
        sizes = {digest: size for digest, (size, names) in found.items() if any(map(snapshot.holds, names))}
        for index, digest in enumerate(stored_digests):
            if digest not in sizes:
                raise InvalidField(
                    field=f"stored_digests[{index}]",
                    reason="the snapshot has no such frame; list its segments",
                )
        return sizes

    async def records(
        self, tenant: str, snapshot_id: str, name: DatasetName, keys: KeyRange
    ) -> AsyncIterator[Batch]:
        """Yield the records of a range in order of key."""
        at = keys
        while page := await self.segments(tenant, snapshot_id, name, at, SEGMENTS_AT_ONCE):
            for segment in page:
                for batch in await self._batches(tenant, name, segment, keys):
                    yield batch
            at = replace(keys, after=page[-1].last_key)

    async def _batches(self, tenant: str, name: DatasetName, segment: Segment, keys: KeyRange) -> list[Batch]:
        digests = (segment.documents.stored_digest, segment.sources.stored_digest)
        documents, sources = await self._blobs.get_all(tenant, digests)
        try:
            return await asyncio.to_thread(_cut, segment, documents, sources, keys)
        except (BadFrame, BadLines, ValueError, msgspec.MsgspecError) as error:
            raise EvidenceCorrupt(dataset=f"{name.kind} of {name.source}", reason=error) from error

    async def status(self, tenant: str) -> Status:
        """Say what the ledger holds."""
        async with self._database.tenant(tenant) as connection:
            return Status(
                await datasets.sequence(connection, tenant),
                await datasets.states(connection, tenant),
                await quarantine.counts(connection, tenant),
            )

    async def quarantined(
        self, tenant: str, source: str, before: int | None, limit: int
    ) -> list[quarantine.Kept]:
        """Return what was put aside, newest first."""
        async with self._database.tenant(tenant) as connection:
            return await quarantine.page(connection, tenant, source, before, limit)


def _cut(segment: Segment, documents: bytes, sources: bytes, keys: KeyRange) -> list[Batch]:
    document_lines = split_lines(decompress(documents, segment.documents.plain_bytes))
    source_lines = split_lines(decompress(sources, segment.sources.plain_bytes))
    lines = list(zip(document_lines, source_lines, strict=True))
    if not (keys.holds(segment.first_key) and keys.holds(segment.last_key)):
        lines = [line for line in lines if keys.holds(key_of(line[1]))]
    return list(batches(lines))
