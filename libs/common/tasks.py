"""Ends loops for good: before Python 3.12 a cancellation can get lost on its way into a task."""

from __future__ import annotations

import asyncio


def stop_if_cancelled() -> None:
    """Raise `CancelledError` where this task was asked to end; every endless loop calls it once a round.

    `asyncio.wait_for`, which the libraries for bus and database use, returns its result and drops a cancellation
    that comes at the same moment. The task still knows that it was asked.
    """
    task = asyncio.current_task()
    if task is not None and task.cancelling():
        raise asyncio.CancelledError
