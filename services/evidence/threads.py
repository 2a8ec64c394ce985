"""Lets work in a thread call back into the event loop, and ends it before its caller goes on."""

from __future__ import annotations

import asyncio
import concurrent.futures
import threading
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator
from typing import Any, TypeVar

T = TypeVar("T")


class Interrupted(Exception):
    """The work was told to stop; nobody waits for its result any more."""


class Bridge:
    """Work in a thread: `run` starts it and waits, `call` and `iterate` are for the work itself."""

    def __init__(self, pool: concurrent.futures.Executor) -> None:
        self._pool = pool
        self._loop = asyncio.get_running_loop()
        self._is_stopped = threading.Event()
        self._waiting: set[concurrent.futures.Future[Any]] = set()

    async def run(self, work: Callable[[], T]) -> T:
        """Return what `work` returns; when cancelled, stop it and wait until it has stopped."""
        running = asyncio.wrap_future(self._pool.submit(work))
        try:
            return await asyncio.shield(running)
        except asyncio.CancelledError:
            self._stop()
            await asyncio.wait([running])
            if not running.cancelled():
                running.exception()
            raise

    def call(self, coroutine: Coroutine[Any, Any, T]) -> T:
        """Run a coroutine in the event loop and return its result."""
        self.check()
        future = asyncio.run_coroutine_threadsafe(coroutine, self._loop)
        self._waiting.add(future)
        if self._is_stopped.is_set():
            future.cancel()
        try:
            return future.result()
        except concurrent.futures.CancelledError as error:
            raise Interrupted from error
        finally:
            self._waiting.discard(future)

    def iterate(self, items: AsyncIterator[T]) -> Iterator[T]:
        """Yield what an asynchronous iterator yields; nothing is asked for before it is wanted."""

        async def following() -> tuple[T] | None:
            async for item in items:
                return (item,)
            return None

        while (item := self.call(following())) is not None:
            yield item[0]

    def check(self) -> None:
        """Raise `Interrupted` once the work was told to stop."""
        if self._is_stopped.is_set():
            raise Interrupted

    def _stop(self) -> None:
        self._is_stopped.set()
        for future in tuple(self._waiting):
            future.cancel()
