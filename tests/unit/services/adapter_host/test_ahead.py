"""Work ahead keeps the order, its bound, and leaves nothing behind."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncGenerator

import pytest

from services.adapter_host.ahead import work_ahead


class Source:
    """Numbers, and what is known of how they were read."""

    def __init__(self, count: int) -> None:
        self.count = count
        self.given = 0
        self.closed = False

    async def items(self) -> AsyncGenerator[int, None]:
        try:
            for number in range(self.count):
                self.given += 1
                yield number
        finally:
            self.closed = True


async def collect(results: AsyncGenerator[int, None], found: list[int]) -> None:
    """Keep what comes, even when an error follows."""
    async for number in results:
        found.append(number)  # noqa: PERF401 - a comprehension would lose what came before the error


async def test_results_come_in_order_however_long_each_takes() -> None:
    order: list[int] = []

    async def work(number: int) -> int:
        for _ in range(10 - number):
            await asyncio.sleep(0)
        order.append(number)
        return number

    source = Source(10)
    found = [number async for number in work_ahead(source.items(), work, 4)]
    assert (found, source.closed) == (list(range(10)), True)
    assert order != found


async def test_no_more_than_the_bound_are_under_way_or_waiting() -> None:
    source = Source(100)

    async def work(number: int) -> int:
        return number

    async with contextlib.aclosing(work_ahead(source.items(), work, 3)) as results:
        await anext(results)
        for _ in range(20):
            await asyncio.sleep(0)
        # One is with the reader, the others wait for it.
        assert source.given == 3


async def test_a_reader_that_stops_cancels_what_is_under_way_and_closes_the_source() -> None:
    source = Source(5)
    cancelled: list[int] = []

    async def work(number: int) -> int:
        if number:
            try:
                await asyncio.Event().wait()
            finally:
                cancelled.append(number)
        return number

    async with contextlib.aclosing(work_ahead(source.items(), work, 3)) as results:
        assert await anext(results) == 0
        for _ in range(5):
            await asyncio.sleep(0)
    assert (sorted(cancelled), source.closed) == ([1, 2], True)


async def test_an_error_of_the_work_comes_in_its_place() -> None:
    async def work(number: int) -> int:
        if number == 2:
            raise ValueError("the third")
        return number

    source = Source(9)
    found: list[int] = []
    with pytest.raises(ValueError, match="the third"):
        await collect(work_ahead(source.items(), work, 4), found)
    assert (found, source.closed) == ([0, 1], True)


async def test_an_error_of_the_source_comes_after_what_it_gave() -> None:
    async def items() -> AsyncGenerator[int, None]:
        yield 1
        raise ValueError("no more")

    async def work(number: int) -> int:
        await asyncio.sleep(0)
        return number

    found: list[int] = []
    with pytest.raises(ValueError, match="no more"):
        await collect(work_ahead(items(), work, 4), found)
    assert found == [1]
