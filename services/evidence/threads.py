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
    """Work in a thread: `run` starts it and waits, the others are for the work itself."""

    def __init__(self, pool: concurrent.futures.Executor) -> None:
        self._pool = pool
        self._loop = asyncio.get_running_loop()
        self._is_stopped = threading.Event()
        self._tasks: set[asyncio.Task[Any]] = set()

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

    def begin(self, coroutine: Coroutine[Any, Any, T]) -> concurrent.futures.Future[T]:
        """Begin a coroutine in the event loop; what comes back is cancelled where the work was stopped."""
        answer: concurrent.futures.Future[T] = concurrent.futures.Future()
        self._loop.call_soon_threadsafe(self._start, coroutine, answer)
        return answer

    def call(self, coroutine: Coroutine[Any, Any, T]) -> T:
        """Run a coroutine in the event loop and return its result; stopped work goes on once it has ended."""
        try:
            return self.begin(coroutine).result()
        except concurrent.futures.CancelledError as error:
            raise Interrupted from error

    def _start(self, coroutine: Coroutine[Any, Any, T], answer: concurrent.futures.Future[T]) -> None:
        if self._is_stopped.is_set():
            coroutine.close()
            answer.cancel()
            return
        task = self._loop.create_task(coroutine)
        self._tasks.add(task)
        task.add_done_callback(lambda ended: self._end(ended, answer))

    def _end(self, task: asyncio.Task[T], answer: concurrent.futures.Future[T]) -> None:
        self._tasks.discard(task)
        if task.cancelled():
            answer.cancel()
        elif (error := task.exception()) is not None:
            answer.set_exception(error)
        else:
            answer.set_result(task.result())

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
        for task in tuple(self._tasks):
            task.cancel()
