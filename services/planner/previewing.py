"""Says what a run would export and what changed since the profile's last one, without running."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from libs.common.clock import Clock
from libs.common.db.engine import Database
from services.planner.planning import Planning
from services.planner.preparing import Prepared, Preparing, Wish, profile_of
from services.planner.runs.evidence import Dataset, Snapshot
from services.planner.runs.facts import Kept
from services.planner.runs.plan import Part, count_new
from services.planner.sources.call import Call
from services.planner.store import inputs, runs, shards


@dataclass(frozen=True, slots=True)
class Previous:
    """The profile's last succeeded run: what it read, down to the fingerprints of the segments."""

    kept: Kept
    snapshot: Snapshot
    fingerprints: frozenset[bytes]


@dataclass(frozen=True, slots=True)
class DatasetPreview:
    """One dataset and how many of its segments the previous run did not have."""

    dataset: Dataset
    segments_new: int


@dataclass(frozen=True, slots=True)
class Preview:
    """What a run would be; `previous` is the run it is compared with."""

    prepared: Prepared
    datasets: tuple[DatasetPreview, ...]
    shards: int
    previous: str | None
    unchanged: bool


class Previewing:
    """Compares evidence that is not held with the last succeeded run."""

    def __init__(self, database: Database, preparing: Preparing, planning: Planning, clock: Clock) -> None:
        self._database = database
        self._preparing = preparing
        self._planning = planning
        self._clock = clock

    async def preview(self, call: Call, wish: Wish) -> Preview:
        """Return what a run would be now; nothing is written and no evidence is held."""
        async with self._database.tenant(call.tenant) as connection:
            profile = await profile_of(connection, call.tenant, wish.profile)
        prepared = await self._preparing.prepare(call, wish, profile, "", self._clock())
        previous = await self._previous(call.tenant, profile.uid)
        if previous is not None and previous.kept.facts.plan_digest == prepared.facts.plan_digest:
            same = tuple(DatasetPreview(dataset, 0) for dataset in prepared.snapshot.datasets)
            run = previous.kept
            return Preview(prepared, same, run.run.shards_total, run.facts.id, unchanged=True)
        parts = await self._planning.parts(call, prepared.snapshot)
        return Preview(
            prepared,
            tuple(_compare(dataset, found, previous) for dataset, found in parts),
            self._planning.count(parts),
            None if previous is None else previous.kept.facts.id,
            unchanged=False,
        )

    async def _previous(self, tenant: str, profile_uid: str) -> Previous | None:
        async with self._database.tenant(tenant) as connection:
            kept = await runs.last_succeeded(connection, tenant, profile_uid)
            if kept is None:
                return None
            run = kept.facts.id
            snapshot = await inputs.of(connection, tenant, run)
            return Previous(kept, snapshot, await shards.fingerprints(connection, tenant, run))


def _compare(dataset: Dataset, parts: Sequence[Part], previous: Previous | None) -> DatasetPreview:
    if previous is None:
        return DatasetPreview(dataset, dataset.segments)
    if dataset.digest in {known.digest for known in previous.snapshot.datasets}:
        return DatasetPreview(dataset, 0)
    return DatasetPreview(dataset, count_new(parts, previous.fingerprints))
