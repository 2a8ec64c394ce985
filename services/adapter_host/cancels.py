"""Drops the work of cancelled runs: whatever is under way for a run ends at its next pause."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Coroutine
from typing import Any, Protocol, TypeVar

Result = TypeVar("Result")


class RunCancelled(Exception):
    """The work was dropped, since its run was cancelled."""


class Heard(Protocol):
    """A message of the bus, as far as it matters here."""

    subject: str


class Cancels:
    """Knows what is under way for which run. A run's later attempts are not affected: they begin anew."""

    def __init__(self) -> None:
        self._under_way: defaultdict[str, set[asyncio.Task[Any]]] = defaultdict(set)
        self._dropped: set[asyncio.Task[Any]] = set()

    async def hear(self, message: Heard) -> None:
        """Drop all that is under way for the run that the subject names."""
        self.drop(message.subject.rpartition(".")[2])

    def drop(self, run: str) -> None:
        """Drop all that is under way for a run."""
        for task in self._under_way.get(run, ()):
            self._dropped.add(task)
            task.cancel()

    async def unless_cancelled(self, run: str, work: Coroutine[Any, Any, Result]) -> Result:
        """Return the result of `work`, or raise `RunCancelled` as soon as the run is cancelled."""
        task = asyncio.create_task(work)
        self._under_way[run].add(task)
        try:
            return await task
        except (asyncio.CancelledError, Exception):
            if task in self._dropped:
                raise RunCancelled from None
            raise
        finally:
            self._dropped.discard(task)
            self._under_way[run].discard(task)
            if not self._under_way[run]:
                del self._under_way[run]
