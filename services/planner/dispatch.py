"""The planner's background turn over all tenants: slots for queued runs, shards for workers."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Awaitable, Mapping

from libs.common.db.engine import Database
from libs.common.errors import ExportError
from libs.common.points import reached
from libs.common.tasks import is_told_to_end
from services.planner.runs.events import Admitted, Granted
from services.planner.runs.release import Limits, release
from services.planner.store import queue, runs
from services.planner.store.queue import Shards
from services.planner.transitions import Transitions

IDLE_SECONDS = 1.0  # what a process that died had left to do is taken up within this time
RETRY_SECONDS = 0.5

_log = logging.getLogger(__name__)


class Dispatcher:
    """Takes its turns when woken, and now and then; several planners may do so at once."""

    def __init__(
        self,
        database: Database,
        transitions: Transitions,
        bell: asyncio.Event,
        *,
        concurrent_runs: int,
        weights: Mapping[str, int],
        limits: Limits,
    ) -> None:
        """`bell` wakes it."""
        self._database = database
        self._transitions = transitions
        self._bell = bell
        self._concurrent_runs = concurrent_runs
        self._weights = weights
        self._limits = limits
        self._credits: Mapping[str, int] = {}

    async def run(self) -> None:
        """Work until cancelled; the database being away only delays."""
        while not is_told_to_end():
            self._bell.clear()
            try:
                await self.turn()
            except ExportError as error:
                _log.warning("dispatch waits", extra={"fields": {"error": str(error)}})
                await asyncio.sleep(RETRY_SECONDS)
                continue
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(IDLE_SECONDS):
                    await self._bell.wait()

    async def turn(self) -> None:
        """Do everything that may be done now."""
        async with self._database.system() as connection:
            tenants = await queue.tenants_with_room(connection, self._concurrent_runs)
            waiting = await queue.shards(connection)
        for tenant in tenants:
            await _apart(self._admit(tenant), tenant=tenant)
        await self._release(waiting)

    async def _admit(self, tenant: str) -> None:
        outcomes = []
        async with self._database.tenant(tenant) as connection:
            running, _ = await runs.lock_slots(connection, tenant)
            for run in await runs.first_queued(connection, tenant, self._concurrent_runs - running):
                kept = await runs.find(connection, tenant, run, lock=True)
                if kept is not None:
                    admitted = Admitted(kept.run.attempt)
                    outcomes.append(await self._transitions.apply(connection, kept, admitted))
        if outcomes:
            reached("planner.admission_committed")
        for outcome in outcomes:
            await self._transitions.settle(outcome)

    async def _release(self, waiting: list[Shards]) -> None:
        found = release([shards.backlog for shards in waiting], self._credits, self._weights, self._limits)
        self._credits = found.credits
        for shards in waiting:
            count = found.grants.get(shards.backlog.run, 0)
            if count:
                backlog = shards.backlog
                await _apart(self._grant(shards, count), tenant=backlog.tenant, run=backlog.run)

    async def _grant(self, shards: Shards, count: int) -> None:
        """Send the next shards of a run; another planner that saw the same grants the same ones."""
        tenant, run = shards.backlog.tenant, shards.backlog.run
        async with self._database.tenant(tenant) as connection:
            kept = await runs.find(connection, tenant, run, lock=True)
            if kept is None:
                return
            granted = Granted(shards.attempt, shards.released + count)
            outcome = await self._transitions.apply(connection, kept, granted)
        reached("planner.grant_committed")
        await self._transitions.settle(outcome)


async def _apart(work: Awaitable[None], **fields: str) -> None:
    """Let a fault that is one tenant's or run's own hold up nobody else."""
    try:
        await work
    except ExportError as error:
        if error.retryable:
            raise
        _log.error("dispatch passes over", extra={"fields": fields | {"error": str(error)}}, exc_info=error)
