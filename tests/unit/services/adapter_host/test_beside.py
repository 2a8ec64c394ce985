"""What is stored beside the work: bounded, done at the end, given up with the work."""

from __future__ import annotations

import asyncio

import pytest

from services.adapter_host.beside import STORED_AT_ONCE, beside


async def test_at_the_end_all_is_done() -> None:
    done: list[int] = []

    async def store(number: int) -> None:
        await asyncio.sleep(0)
        done.append(number)

    async with beside() as storing:
        for number in range(3 * STORED_AT_ONCE):
            await storing.begin(store(number))
    assert sorted(done) == list(range(3 * STORED_AT_ONCE))


async def test_no_more_than_so_much_is_under_way() -> None:
    release = asyncio.Event()
    begun = 0

    async def store() -> None:
        nonlocal begun
        begun += 1
        await release.wait()

    async def begin_all() -> None:
        async with beside() as storing:
            for _ in range(STORED_AT_ONCE + 1):
                await storing.begin(store())

    work = asyncio.create_task(begin_all())
    for _ in range(10 * STORED_AT_ONCE):
        await asyncio.sleep(0)
    assert begun == STORED_AT_ONCE
    release.set()
    await work
    assert begun == STORED_AT_ONCE + 1


async def _fail() -> None:
    raise OSError("the disk is full")


async def test_a_fault_ends_the_work_at_its_next_beginning() -> None:
    async def work() -> None:
        async with beside() as storing:
            await storing.begin(_fail())
            while True:
                await storing.begin(asyncio.sleep(0))

    with pytest.raises(OSError, match="full"):
        await work()


async def test_a_fault_of_the_last_is_not_lost() -> None:
    with pytest.raises(OSError, match="full"):
        async with beside() as storing:
            await storing.begin(_fail())


async def test_work_that_is_cancelled_leaves_nothing_under_way() -> None:
    ended = asyncio.Event()

    async def store() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            ended.set()

    async def work() -> None:
        async with beside() as storing:
            await storing.begin(store())

    task = asyncio.create_task(work())
    for _ in range(5):
        await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert ended.is_set()
