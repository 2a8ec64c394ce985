"""Work in a thread calls back into the loop, and is over before its caller goes on."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator, Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from services.evidence.threads import Bridge, Interrupted


@pytest.fixture
def pool() -> Iterator[ThreadPoolExecutor]:
    with ThreadPoolExecutor(2) as opened:
        yield opened


async def numbers(count: int) -> AsyncIterator[int]:
    for number in range(count):
        await asyncio.sleep(0)
        yield number


async def forever() -> None:
    await asyncio.Event().wait()


async def test_work_iterates_over_what_the_loop_yields(pool: ThreadPoolExecutor) -> None:
    bridge = Bridge(pool)
    assert await bridge.run(lambda: list(bridge.iterate(numbers(3)))) == [0, 1, 2]


async def test_an_error_of_the_work_reaches_its_caller(pool: ThreadPoolExecutor) -> None:
    def fail() -> None:
        raise KeyError("x")

    with pytest.raises(KeyError):
        await Bridge(pool).run(fail)


async def test_work_that_waits_for_the_loop_is_told_to_stop(pool: ThreadPoolExecutor) -> None:
    bridge = Bridge(pool)
    begun = threading.Event()
    ended: list[type[BaseException]] = []

    def work() -> None:
        begun.set()
        try:
            bridge.call(forever())
        except Interrupted as error:
            ended.append(type(error))
            raise

    task = asyncio.create_task(bridge.run(work))
    await asyncio.to_thread(begun.wait)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert ended == [Interrupted]


async def test_work_that_looks_is_told_to_stop_and_waited_for(pool: ThreadPoolExecutor) -> None:
    bridge = Bridge(pool)
    begun, is_over = threading.Event(), threading.Event()

    def work() -> None:
        begun.set()
        try:
            while True:
                bridge.check()
        finally:
            is_over.set()

    task = asyncio.create_task(bridge.run(work))
    await asyncio.to_thread(begun.wait)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert is_over.is_set()
    with pytest.raises(Interrupted):
        bridge.check()
