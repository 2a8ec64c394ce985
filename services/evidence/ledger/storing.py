"""Stores new segments beside the work on the next ones: only the end of a merge waits for the disk."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import Future

from services.evidence.ledger.frames import Framed
from services.evidence.threads import Interrupted

MAX_UNDER_WAY = 16  # as many waits for the disk at once share what it does
MAX_BYTES = 32 << 20  # of frames under way; a segment that is larger goes alone


class Storing:
    """The segments of one merge that are being stored; `store` begins with one."""

    def __init__(self, store: Callable[[Framed], Future[None]]) -> None:
        self._store = store
        self._room = threading.Condition()
        self._under_way: dict[Future[None], int] = {}
        self._fault: BaseException | None = None

    def begin(self, framed: Framed) -> None:
        """Begin to store a segment once there is room, or raise what earlier ones failed with."""
        size = sum(map(len, framed.stored))
        with self._room:
            self._room.wait_for(lambda: self._fault is not None or self._has_room(size))
            self._raise_fault()
            future = self._store(framed)
            self._under_way[future] = size
        future.add_done_callback(self._end)

    def _has_room(self, size: int) -> bool:
        sizes = self._under_way.values()
        return not sizes or (len(sizes) < MAX_UNDER_WAY and sum(sizes) + size <= MAX_BYTES)

    def _end(self, future: Future[None]) -> None:
        with self._room:
            del self._under_way[future]
            if future.cancelled():
                self._fault = self._fault or Interrupted()
            else:
                self._fault = self._fault or future.exception()
            self._room.notify_all()

    def _raise_fault(self) -> None:
        if self._fault is not None:
            raise self._fault

    def wait(self) -> None:
        """Wait until nothing is under way any more, however it ended."""
        with self._room:
            self._room.wait_for(lambda: not self._under_way)

    def finish(self) -> None:
        """Wait until all is stored, or raise what failed."""
        self.wait()
        self._raise_fault()
