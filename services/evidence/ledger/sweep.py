"""Forgets history that no snapshot can see any more, and the frames that nothing else uses."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from datetime import timedelta

from libs.common import trace
from libs.common.blobs.collecting import ask_all
from libs.common.blobs.store import Blobs
from libs.common.clock import Clock
from libs.common.db.engine import Database
from libs.common.errors import ExportError
from libs.common.log import unit_of_work
from libs.common.points import reached
from libs.common.tasks import is_told_to_end
from services.evidence.store import datasets, locks, segments, snapshots

UNHELD_LIFE = timedelta(hours=1)  # long enough to plan with a snapshot that nobody holds
SEGMENTS_AT_ONCE = 500  # bounds a transaction, which keeps imports waiting

_log = logging.getLogger(__name__)


class Sweeper:
    """Sweeps every tenant's ledger, again and again."""

    def __init__(self, database: Database, blobs: Blobs, clock: Clock, pause_seconds: float) -> None:
        self._database = database
        self._blobs = blobs
        self._clock = clock
        self._pause_seconds = pause_seconds

    async def run(self) -> None:
        """Sweep until cancelled; what is away only delays."""
        while not is_told_to_end():
            with contextlib.suppress(ExportError):  # its line says so; the next turn is another try
                await self._turn()
            await asyncio.sleep(self._pause_seconds)

    async def _turn(self) -> None:
        with trace.span("sweep"), unit_of_work(_log, "sweep") as line:
            async with self._database.system() as connection:
                tenants = await datasets.tenants(connection)
            line.update(tenants=len(tenants), segments=0)
            for tenant in tenants:
                line["segments"] += await self.sweep(tenant)

    async def sweep(self, tenant: str) -> int:
        """Forget what can be forgotten; return how many segments that were. An import at work goes first."""
        total = 0
        while forgotten := await self._sweep_some(tenant):
            total += forgotten
        return total

    async def _sweep_some(self, tenant: str) -> int:
        """Frames go before the rows that name them: a sweep that dies in between is simply done again."""
        async with self._database.tenant(tenant) as connection:
            if not await locks.try_to_change(connection, tenant):
                return 0
            await locks.own_history(connection, tenant)
            await snapshots.release_unheld(connection, tenant, self._clock() - UNHELD_LIFE)
            floor = await snapshots.oldest_sequence(connection, tenant)
            if floor is None:
                floor = await datasets.sequence(connection, tenant)
            await datasets.forget(connection, tenant, floor)
            count, lost = await segments.forget(connection, tenant, floor, SEGMENTS_AT_ONCE)
            await ask_all(lambda digest: self._blobs.delete(tenant, digest), sorted(lost))
            reached("evidence.frames_deleted")
        return count
