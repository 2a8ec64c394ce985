"""Decides which lines of a log are written: a fault that lasts, at once and then once a minute."""

from __future__ import annotations

import logging
import threading
from collections import OrderedDict
from collections.abc import Callable, Mapping
from typing import Any

from libs.common import trace

QUIET_SECONDS = 60.0  # who reads along sees that it lasts; an hour of it is sixty lines
MAX_KNOWN = 256  # kinds of faults at one time; of more the oldest is said again
OUTCOME = "outcome"  # a field of the line that ends a unit of work, which is never left out
_UNSAID = "repeated"


class Repeats(logging.Filter):
    """Leaves out warnings and errors that say word for word what was said within the last minute."""

    def __init__(self, clock: Callable[[], float]) -> None:
        """Take a clock that never goes back, in seconds."""
        super().__init__()
        self._clock = clock
        self._lock = threading.Lock()  # handlers filter before they lock, and threads log as well
        self._said: OrderedDict[tuple[object, ...], tuple[float, int]] = OrderedDict()

    def filter(self, record: logging.LogRecord) -> bool:
        """Say whether a record is written; it is told how many like it were not."""
        fields: Mapping[str, Any] = getattr(record, "fields", {})
        # What belongs to a call or a run is bounded by it, and is looked for by it.
        if record.levelno < logging.WARNING or OUTCOME in fields or trace.current_trace():
            return True
        told = tuple((name, str(value)) for name, value in sorted(fields.items()))
        what = (record.name, record.levelno, record.getMessage(), told)
        with self._lock:
            unsaid = self._say(what)
        if unsaid:
            record.fields = {**fields, _UNSAID: unsaid}
        return unsaid is not None

    def _say(self, what: tuple[object, ...]) -> int | None:
        """Return how many like it were not written, or None where this one is not written either."""
        now = self._clock()
        said, unsaid = self._said.get(what, (now - QUIET_SECONDS, 0))
        if now - said < QUIET_SECONDS:
            self._said[what] = (said, unsaid + 1)
            return None
        self._said[what] = (now, 0)
        self._said.move_to_end(what)
        if len(self._said) > MAX_KNOWN:
            self._said.popitem(last=False)
        return unsaid
