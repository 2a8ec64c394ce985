"""Reads how the evidence of a run is laid out and cuts it into shards."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from services.planner.runs import plan
from services.planner.runs.evidence import Dataset, Snapshot
from services.planner.runs.plan import Part, Shard
from services.planner.sources.call import Call
from services.planner.sources.ledger import Ledger

LISTINGS = 8  # datasets listed at the same time: most are small and cost a round trip


class Planning:
    """Cuts snapshots into shards of about `shard_bytes`."""

    def __init__(self, ledger: Ledger, shard_bytes: int) -> None:
        self._ledger = ledger
        self._shard_bytes = shard_bytes

    async def parts(self, call: Call, snapshot: Snapshot) -> list[tuple[Dataset, Sequence[Part]]]:
        """Return the parts of every dataset; one that the upstream cannot list is one part."""
        slots = asyncio.Semaphore(LISTINGS)

        async def one(dataset: Dataset) -> tuple[Dataset, Sequence[Part]]:
            async with slots:
                segments = await self._ledger.segments(call, snapshot.id, dataset)
            if not segments:
                return dataset, plan.unlisted(dataset)
            return dataset, await asyncio.to_thread(plan.parts_of, dataset.kind, segments)

        return list(await asyncio.gather(*(one(dataset) for dataset in snapshot.datasets)))

    async def shards(self, call: Call, snapshot: Snapshot) -> list[Shard]:
        """Return the shards of a run over `snapshot`."""
        return plan.cut(await self.parts(call, snapshot), self._shard_bytes)

    def count(self, parts: Sequence[tuple[Dataset, Sequence[Part]]]) -> int:
        """Return into how many shards these parts would be cut."""
        return len(plan.cut(parts, self._shard_bytes))
