"""A cancelled attempt's work ends at its next pause or is not begun; other runs and later attempts go on."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

import pytest
from stellaops.export.work.v1.work_pb2 import WorkContext

from services.adapter_host.cancels import REMEMBERED_RUNS, Cancels, RunCancelled


@dataclass
class Heard:
    subject: str
    data: bytes


def context(run: str, attempt: int = 1) -> WorkContext:
    return WorkContext(tenant="acme", run=run, attempt=attempt)


def heard(run: str, attempt: int = 1) -> Heard:
    return Heard(f"export.cancel.{run}", context(run, attempt).SerializeToString())


async def endless() -> None:
    await asyncio.Event().wait()


async def three() -> int:
    return 3


async def begun(cancels: Cancels, run: str, attempt: int = 1) -> asyncio.Task[None]:
    task = asyncio.create_task(cancels.unless_cancelled(context(run, attempt), endless()))
    await asyncio.sleep(0)
    return task


async def test_all_work_of_the_run_that_is_heard_of_is_dropped() -> None:
    cancels = Cancels()
    dropped = [await begun(cancels, "one"), await begun(cancels, "one")]
    other = await begun(cancels, "two")
    await cancels.hear(heard("one"))
    for task in dropped:
        with pytest.raises(RunCancelled):
            await task
    assert not other.done()
    await cancels.hear(heard("two"))
    with pytest.raises(RunCancelled):
        await other


async def test_work_that_fails_while_it_is_dropped_is_dropped_all_the_same() -> None:
    async def stubborn() -> None:
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError as error:
            raise ValueError("instead") from error

    cancels = Cancels()
    task = asyncio.create_task(cancels.unless_cancelled(context("one"), stubborn()))
    await asyncio.sleep(0)
    cancels.drop("one", 1)
    with pytest.raises(RunCancelled):
        await task


async def test_a_host_that_stops_is_not_taken_for_a_cancelled_run() -> None:
    task = await begun(Cancels(), "one")
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


async def test_work_of_a_cancelled_attempt_that_comes_later_is_not_begun() -> None:
    cancels = Cancels()
    await cancels.hear(heard("one", 2))
    await cancels.hear(heard("one", 1))
    for attempt in (1, 2):
        with pytest.raises(RunCancelled):
            await cancels.unless_cancelled(context("one", attempt), three())


async def test_a_later_attempt_is_done() -> None:
    cancels = Cancels()
    later = await begun(cancels, "one", 2)
    await cancels.hear(heard("one", 1))
    assert not later.done()
    assert await cancels.unless_cancelled(context("one", 2), three()) == 3
    cancels.drop("one", 2)
    with pytest.raises(RunCancelled):
        await later


async def test_the_oldest_cancelled_runs_are_forgotten() -> None:
    cancels = Cancels()
    for number in range(REMEMBERED_RUNS + 1):
        cancels.drop(f"run-{number}", 1)
    assert await cancels.unless_cancelled(context("run-0"), three()) == 3
    with pytest.raises(RunCancelled):
        await cancels.unless_cancelled(context("run-1"), three())


async def test_a_message_that_cannot_be_read_drops_nothing() -> None:
    cancels = Cancels()
    await cancels.hear(Heard("export.cancel.one", b"\xff"))
    assert await cancels.unless_cancelled(context("one"), three()) == 3
