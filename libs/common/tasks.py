"""Ends loops for good: before Python 3.12 a cancellation can get lost on its way into a task."""

from __future__ import annotations

import asyncio


def is_told_to_end() -> bool:
    """Tell whether this task was cancelled; every endless loop asks once a round.

    The libraries for bus and database wait by `asyncio.wait_for`, which drops a cancellation that comes
    together with what it waits for. The task still knows that it was asked.
    """
    task = asyncio.current_task()
    return task is not None and task.cancelling() > 0
