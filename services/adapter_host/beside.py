"""Lets frames be stored beside the work on the next ones: only the end of a shard waits for the disk."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Coroutine
from typing import Any

# Each holds the stored bytes of one segment. As many waits for the disk at once also share what it does.
STORED_AT_ONCE = 8


class Beside:
    """What is being stored for one shard; `beside` makes one that ends with the shard."""

    def __init__(self) -> None:
        self._slots = asyncio.Semaphore(STORED_AT_ONCE)
        self._under_way: set[asyncio.Task[None]] = set()
        self._fault: BaseException | None = None

    async def begin(self, work: Coroutine[Any, Any, None]) -> None:
        """Begin `work` once a slot is free; raise what earlier work failed with."""
        try:
            await self._slots.acquire()
            self._raise_fault()
        except BaseException:
            work.close()
            raise
        task = asyncio.create_task(work)
        self._under_way.add(task)
        task.add_done_callback(self._end)

    def _end(self, task: asyncio.Task[None]) -> None:
        self._under_way.discard(task)
        self._slots.release()
        if not task.cancelled():
            self._fault = self._fault or task.exception()

    def _raise_fault(self) -> None:
        if self._fault is not None:
            raise self._fault

    async def finish(self) -> None:
        """Wait until all is stored, or raise what failed."""
        while self._under_way:
            await asyncio.wait(self._under_way)
        self._raise_fault()

    async def stop(self) -> None:
        """Cancel what is under way."""
        tasks = list(self._under_way)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


@contextlib.asynccontextmanager
async def beside() -> AsyncIterator[Beside]:
    """Yield what stores beside the work; at the end all is stored, and nothing is under way any more."""
    made = Beside()
    try:
        yield made
        await made.finish()
    finally:
        await made.stop()
