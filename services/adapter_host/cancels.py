"""Drops the work of cancelled runs: what is under way ends at its next pause, what waits is not begun."""

from __future__ import annotations

import asyncio
import logging
from collections import OrderedDict
from collections.abc import Coroutine
from typing import Any, Protocol, TypeVar

from google.protobuf.message import DecodeError
from stellaops.export.work.v1.work_pb2 import WorkContext

# Cancelled attempts whose work may still wait in the queue; one that is forgotten costs only the work itself.
REMEMBERED_RUNS = 10_000

_log = logging.getLogger(__name__)
Result = TypeVar("Result")


class RunCancelled(Exception):
    """The work was dropped, since its run was cancelled."""


class Heard(Protocol):
    """A message of the bus, as far as it matters here."""

    subject: str
    data: bytes


class Cancels:
    """Knows what is under way, and up to which attempt a run was cancelled; later attempts are done."""

    def __init__(self) -> None:
        self._cancelled: OrderedDict[str, int] = OrderedDict()
        self._under_way: dict[asyncio.Task[Any], tuple[str, int]] = {}
        self._dropped: set[asyncio.Task[Any]] = set()

    async def hear(self, message: Heard) -> None:
        """Drop the run that the subject names, up to the attempt that the payload, a WorkContext, states."""
        run = message.subject.rpartition(".")[2]
        try:
            attempt = WorkContext.FromString(message.data).attempt
        except DecodeError as error:
            _log.warning("cancel cannot be read", extra={"fields": {"run": run, "error": str(error)}})
            return
        self.drop(run, attempt)

    def drop(self, run: str, attempt: int) -> None:
        """Drop all work of a run up to an attempt."""
        self._cancelled[run] = max(attempt, self._cancelled.pop(run, 0))
        while len(self._cancelled) > REMEMBERED_RUNS:
            self._cancelled.popitem(last=False)
        for task, (of_run, of_attempt) in self._under_way.items():
            if of_run == run and of_attempt <= attempt:
                self._dropped.add(task)
                task.cancel()

    async def unless_cancelled(self, context: WorkContext, work: Coroutine[Any, Any, Result]) -> Result:
        """Return the result of `work`, or raise `RunCancelled` as soon as its attempt is cancelled."""
        if context.attempt <= self._cancelled.get(context.run, -1):
            work.close()
            raise RunCancelled
        task = asyncio.create_task(work)
        self._under_way[task] = (context.run, context.attempt)
        try:
            return await task
        except (asyncio.CancelledError, Exception):
            if task in self._dropped:
                raise RunCancelled from None
            raise
        finally:
            self._dropped.discard(task)
            del self._under_way[task]
