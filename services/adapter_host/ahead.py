"""Works ahead of its reader: a few items at a time, results in the order of the items."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncGenerator, Awaitable, Callable, Coroutine, Iterable
from typing import Any, Protocol, TypeVar

# One segment is hashed, one is opened, one arrives: what keeps a host of few cores busy in little memory.
SEGMENTS_AT_ONCE = 3
# A bucket answers late, but waiting for many small answers costs no more than for one.
STORE_CALLS_AT_ONCE = 32

Item_contra = TypeVar("Item_contra", contravariant=True)
Result_co = TypeVar("Result_co", covariant=True)
Item = TypeVar("Item")
Result = TypeVar("Result")


class Work(Protocol[Item_contra, Result_co]):
    """What is done with each item."""

    def __call__(self, item: Item_contra, /) -> Coroutine[Any, Any, Result_co]:
        """Do it."""


async def work_ahead(
    items: AsyncGenerator[Item, None], work: Work[Item, Result], at_once: int
) -> AsyncGenerator[Result, None]:
    """Yield `work(item)` for each item in order; up to `at_once` are under way or wait for the reader.

    When the reader stops or something fails, `items` is closed; what is under way is cancelled and awaited.
    """
    slots = asyncio.Semaphore(at_once)
    begun: asyncio.Queue[asyncio.Task[Result] | None] = asyncio.Queue()
    under_way: set[asyncio.Task[Result]] = set()

    async def begin_all() -> None:
        try:
            await slots.acquire()
            async with contextlib.aclosing(items):
                async for item in items:
                    task = asyncio.create_task(work(item))
                    under_way.add(task)
                    begun.put_nowait(task)
                    await slots.acquire()
        finally:
            begun.put_nowait(None)

    feeder = asyncio.create_task(begin_all())
    try:
        while (task := await begun.get()) is not None:
            yield await task
            under_way.discard(task)
            slots.release()
        await feeder
    finally:
        await _stop([feeder, *under_way])


async def ask_each(ask: Callable[[Item], Awaitable[Result]], items: Iterable[Item]) -> list[Result]:
    """Return the store's answers for all items, in order."""
    slots = asyncio.Semaphore(STORE_CALLS_AT_ONCE)

    async def one(item: Item) -> Result:
        async with slots:
            return await ask(item)

    return await asyncio.gather(*(one(item) for item in items))


async def _stop(tasks: list[asyncio.Task[Any]]) -> None:
    for task in tasks:
        task.cancel()
    for task in tasks:
        # What failed first is on its way to the reader; what was cancelled for it has nothing to add.
        with contextlib.suppress(asyncio.CancelledError, Exception):
            await task
