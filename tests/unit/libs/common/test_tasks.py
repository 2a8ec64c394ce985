"""A loop ends although the cancellation got lost."""

from __future__ import annotations

import asyncio
import contextlib

from libs.common.tasks import is_told_to_end


async def test_a_loop_ends_that_missed_its_cancellation() -> None:
    rounds = 0

    async def loop() -> None:
        nonlocal rounds
        while not is_told_to_end():
            rounds += 1
            with contextlib.suppress(asyncio.CancelledError):  # what loses it in a library
                await asyncio.Event().wait()

    task = asyncio.create_task(loop())
    await asyncio.sleep(0)
    task.cancel()
    await asyncio.wait_for(task, 5)
    assert rounds == 1


async def test_a_task_that_nobody_cancelled_goes_on() -> None:
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(0):
            await asyncio.Event().wait()
    assert not is_told_to_end()
