"""Looks now and then at what waits and shows it as metrics, so that no scrape of them asks the database."""

from __future__ import annotations

import asyncio
import logging

from libs.common.db import outbox
from libs.common.db.engine import Database
from libs.common.errors import ExportError
from libs.common.metrics import QueueMetrics
from libs.common.tasks import is_told_to_end
from services.planner.store import queue

EVERY_SECONDS = 5.0  # more often than Prometheus usually scrapes

_log = logging.getLogger(__name__)


class Measuring:
    """Runs beside everything else; while the database is away the last numbers stand."""

    def __init__(self, database: Database, metrics: QueueMetrics) -> None:
        self._database = database
        self._metrics = metrics

    async def run(self) -> None:
        """Look until cancelled."""
        while not is_told_to_end():
            try:
                await self.look()
            except ExportError as error:
                _log.warning("measuring waits", extra={"fields": {"error": str(error)}})
            await asyncio.sleep(EVERY_SECONDS)

    async def look(self) -> None:
        """Look once."""
        async with self._database.system() as connection:
            stages = await queue.waiting(connection)
            messages = await outbox.waiting(connection)
        self._metrics.show(stages, messages)
