"""Removes frames that no segment names: of imports that died, or whose transaction was rolled back.

An import stores frames and names them within one transaction, during which it owns the tenant's changes. Who
owns them here sees every frame that is named, and no import that could be about to name another.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy.ext.asyncio import AsyncConnection

from libs.common.blobs.collecting import SHARDS, Area, Found
from libs.common.db.engine import Database
from libs.common.errors import ExportError
from libs.common.log import unit_of_work
from libs.common.metrics import CollectionMetrics
from libs.common.tasks import is_told_to_end
from services.evidence.store import locks, segments

# The lock is what makes this safe; what is younger belongs, as a rule, to an import that goes on.
GRACE = timedelta(hours=1)
BATCH = 200  # removed at once, while an import waits

_log = logging.getLogger(__name__)


class Orphans:
    """Collects every tenant's frames, again and again."""

    def __init__(
        self, database: Database, area: Area, metrics: CollectionMetrics, grace: timedelta = GRACE
    ) -> None:
        self._database = database
        self._area = area
        self._metrics = metrics
        self._grace = grace

    async def run(self, pause: timedelta) -> None:
        """Collect after each pause, until cancelled; what is away only delays."""
        while not is_told_to_end():
            await asyncio.sleep(pause.total_seconds())
            with contextlib.suppress(ExportError):  # its line is in the log
                for tenant in await self._area.tenants():
                    await self.collect(tenant)

    async def collect(self, tenant: str) -> int:
        """Remove a tenant's orphans and return how many they were; an import at work goes first."""
        began, outcome = time.perf_counter(), "error"
        try:
            with unit_of_work(_log, "collected", tenant=tenant, stage="collect") as line:
                line.update(examined=0, collected=0)
                await self._collect(tenant, line)
            outcome = "ok"
        finally:
            self._metrics.ended(outcome, time.perf_counter() - began)
        return int(line["collected"])

    async def _collect(self, tenant: str, line: dict[str, Any]) -> None:
        cutoff = await self._area.now() - self._grace
        async with contextlib.aclosing(self._area.blobs(tenant, range(SHARDS))) as listed:
            async for some in listed:
                line["examined"] += len(some)
                line["collected"] += await self._collect_some(tenant, some, cutoff)
        await self._forget_uses(tenant, cutoff)

    async def _collect_some(self, tenant: str, some: Sequence[Found], cutoff: datetime) -> int:
        old = [one for one in some if one.modified <= cutoff]
        async with self._database.tenant(tenant) as connection:
            suspects = await _unnamed(connection, tenant, old)
        total = 0
        for start in range(0, len(suspects), BATCH):
            gone = await self._remove(tenant, suspects[start : start + BATCH])
            self._metrics.removed(len(gone), sum(one.size for one in gone))
            total += sum(bool(one.digest) for one in gone)
        return total

    async def _remove(self, tenant: str, suspects: Sequence[Found]) -> Sequence[Found]:
        """Remove what still is named by no segment; what an import at work may name is for the next time."""
        async with self._database.tenant(tenant) as connection:
            if not await locks.try_to_change(connection, tenant):
                return ()
            gone = await _unnamed(connection, tenant, suspects)
            await self._area.remove([one.key for one in gone])
            return gone

    async def _forget_uses(self, tenant: str, cutoff: datetime) -> None:
        """Remove what a bucket has of old uses: here the lock decides, not the last use."""
        async with contextlib.aclosing(self._area.uses(tenant, range(SHARDS))) as listed:
            async for some in listed:
                await self._area.remove([one.key for one in some if one.modified <= cutoff])


async def _unnamed(connection: AsyncConnection, tenant: str, some: Sequence[Found]) -> Sequence[Found]:
    """Return what no segment names: frames, and the remains of writes, which nothing names ever."""
    lost = await segments.unknown(connection, tenant, {_name(one) for one in some if one.digest})
    return [one for one in some if not one.digest or _name(one) in lost]


def _name(found: Found) -> str:
    return f"sha256:{found.digest.hex()}"
