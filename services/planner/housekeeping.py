"""Lets go of what is no longer needed: evidence, bundles that were kept long enough, old memories.

Evidence is needed until a run has succeeded; of one that failed or was cancelled, while it may be retried.
"""

from __future__ import annotations

import asyncio
import logging
from dataclasses import dataclass

from libs.common.db.engine import Database
from libs.common.errors import ExportError
from libs.common.points import reached
from libs.common.tasks import is_told_to_end
from services.planner.runs.events import Expired
from services.planner.runs.values import State
from services.planner.sources.call import Call
from services.planner.sources.ledger import Ledger
from services.planner.store import holds, queue, runs
from services.planner.store.holds import Hold
from services.planner.store.queue import HeldSnapshot, RunName
from services.planner.transitions import Transitions

EVERY_SECONDS = 5.0
# A message is delivered again for minutes, a client repeats a request for hours: two weeks are ample.
REMEMBER_DAYS = 14

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Keeping:
    """Days for which bundles are kept whose profile does not say (0: for ever), and what a retry needs."""

    bundles_days: int
    retry_days: int


class Housekeeping:
    """Runs beside everything else; being late only costs room. Several planners may do it at once."""

    def __init__(
        self, database: Database, ledger: Ledger, transitions: Transitions, keeping: Keeping
    ) -> None:
        self._database = database
        self._ledger = ledger
        self._transitions = transitions
        self._keeping = keeping

    async def run(self) -> None:
        """Work until cancelled; database or upstream being away only delays."""
        while not is_told_to_end():
            try:
                await self.turn()
            except ExportError as error:
                _log.warning("housekeeping waits", extra={"fields": {"error": str(error)}})
            await asyncio.sleep(EVERY_SECONDS)

    async def turn(self) -> None:
        """Do everything that may be done now."""
        async with self._database.system() as connection:
            held = await queue.held_snapshots(connection)
            abandoned = await holds.abandoned(connection)
            expired = await queue.expired(connection, self._keeping.bundles_days)
            given_up = await queue.given_up(connection, self._keeping.retry_days)
            await queue.forget(connection, REMEMBER_DAYS)
        for snapshot in held:
            await self._let_go(snapshot)
        for hold in abandoned:
            await self._clear(hold)
        for run in expired:
            await self._expire(run)
        for run in given_up:
            await self._give_up(run)

    async def _let_go(self, held: HeldSnapshot) -> None:
        """Release a snapshot; done again after a crash in between, it changes nothing."""
        await self._ledger.release(Call(held.tenant), held.snapshot_id, held.run)
        reached("planner.snapshot_released")
        async with self._database.tenant(held.tenant) as connection:
            await runs.let_go_of_snapshot(connection, held.tenant, held.run)

    async def _expire(self, name: RunName) -> None:
        async with self._database.tenant(name.tenant) as connection:
            kept = await runs.find(connection, name.tenant, name.run, lock=True)
            if kept is None:
                return
            outcome = await self._transitions.apply(connection, kept, Expired())
        await self._transitions.settle(outcome)
        _log.info("run expired", extra={"fields": {"tenant": name.tenant, "run": name.run}})

    async def _give_up(self, name: RunName) -> None:
        """Let go of all that a retry would need; one that comes meanwhile waits for the lock, and is told.

        The evidence goes after the commit: before it, a run could be retried whose evidence is gone.
        """
        async with self._database.tenant(name.tenant) as connection:
            kept = await runs.find(connection, name.tenant, name.run, lock=True)
            if kept is None or kept.run.state not in (State.FAILED, State.CANCELLED):
                return
            await runs.let_go_of_snapshot(connection, name.tenant, name.run)
            await holds.add_over(connection, name.tenant, name.run)
            await self._transitions.give_up(connection, kept)
        await self._clear(Hold(name.tenant, name.run))
        _log.info("run given up", extra={"fields": {"tenant": name.tenant, "run": name.run}})

    async def _clear(self, hold: Hold) -> None:
        """Let go of what is pinned for a run that nobody goes on with; after a crash it is done again."""
        async with self._database.tenant(hold.tenant) as connection:
            if not await holds.end(connection, hold.tenant, hold.run):
                return
        await self._ledger.abandon(Call(hold.tenant), hold.run)
        async with self._database.tenant(hold.tenant) as connection:
            await holds.forget(connection, hold.tenant, hold.run)
