"""Follows a run: what happened so far from the store, then what happens, until its attempt has ended."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator

from libs.common.bus.client import Bus
from libs.common.bus.subjects import events_of
from libs.common.db.engine import Database
from libs.common.errors import Unavailable
from libs.common.tasks import is_told_to_end
from services.planner.missing import no_run
from services.planner.runs.events import Happened
from services.planner.store import events
from services.planner.store.events import Page

PAGE = 500  # events read at a time
POLL_SECONDS = 5.0  # a word from the bus that got lost delays by no more than this
MAX_WATCHERS = 1_000  # each costs a subscription and a query an event


class Watching:
    """Every word from the bus only says "read again": the store decides what there is, so nothing is lost."""

    def __init__(self, database: Database, bus: Bus) -> None:
        self._database = database
        self._bus = bus
        self._watchers: set[asyncio.Event] = set()
        self._closing = False

    async def run(self) -> None:
        """Wait until cancelled; then end all watches, so that their clients go on at another planner."""
        try:
            await asyncio.Event().wait()
        finally:
            self._closing = True
            for news in self._watchers:
                news.set()

    async def follow(self, tenant: str, run: str, after: int) -> AsyncIterator[Happened]:
        """Yield the run's events after number `after`, up to the terminal one of its present attempt."""
        await self._read(tenant, run, after)
        if len(self._watchers) >= MAX_WATCHERS:
            raise Unavailable(dependency="the planner", reason=f"{MAX_WATCHERS:,} runs are being watched")
        news = asyncio.Event()

        async def hear(_message: object) -> None:
            news.set()

        stop = await self._bus.listen(events_of(tenant, run), hear)
        self._watchers.add(news)
        try:
            while not is_told_to_end():
                news.clear()
                page = await self._read(tenant, run, after)
                for happened in page.events:
                    after = happened.sequence
                    yield happened
                if page.last:
                    return
                if len(page.events) < PAGE:
                    await self._wait(news)
        finally:
            self._watchers.discard(news)
            await stop()

    async def _wait(self, news: asyncio.Event) -> None:
        if not self._closing:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(POLL_SECONDS):
                    await news.wait()
        if self._closing:
            raise Unavailable(dependency="the planner", reason="it is stopping")

    async def _read(self, tenant: str, run: str, after: int) -> Page:
        async with self._database.tenant(tenant) as connection:
            page = await events.after(connection, tenant, run, after, PAGE)
        if page is None:
            raise no_run(run)
        return page
