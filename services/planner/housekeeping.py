"""Lets go of what is no longer needed: evidence of runs that succeeded or never began, old memories."""

from __future__ import annotations

import asyncio
import logging

from libs.common.db.engine import Database
from libs.common.errors import ExportError
from libs.common.points import reached
from libs.common.tasks import is_told_to_end
from services.planner.sources.call import Call
from services.planner.sources.ledger import Ledger
from services.planner.store import holds, queue, runs
from services.planner.store.holds import Hold
from services.planner.store.queue import HeldSnapshot

EVERY_SECONDS = 5.0
# A message is delivered again for minutes, a client repeats a request for hours: two weeks are ample.
REMEMBER_DAYS = 14

_log = logging.getLogger(__name__)


class Housekeeping:
    """Runs beside everything else; being late only costs room. Several planners may do it at once."""

    def __init__(self, database: Database, ledger: Ledger) -> None:
        self._database = database
        self._ledger = ledger

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
            await queue.forget(connection, REMEMBER_DAYS)
        for snapshot in held:
            await self._let_go(snapshot)
        for hold in abandoned:
            await self._clear(hold)

    async def _let_go(self, held: HeldSnapshot) -> None:
        """Release a snapshot; done again after a crash in between, it changes nothing."""
        await self._ledger.release(Call(held.tenant), held.snapshot_id, held.run)
        reached("planner.snapshot_released")
        async with self._database.tenant(held.tenant) as connection:
            await runs.let_go_of_snapshot(connection, held.tenant, held.run)

    async def _clear(self, hold: Hold) -> None:
        """Let go of what was pinned for a run that never began; a start that still goes on is refused."""
        async with self._database.tenant(hold.tenant) as connection:
            if await holds.remove(connection, hold.tenant, hold.run):
                await self._ledger.abandon(Call(hold.tenant), hold.run)
