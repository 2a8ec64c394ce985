"""Decides when a process that has died is started again: soon at first, ever later while it keeps dying."""

from __future__ import annotations

FIRST_SECONDS = 0.25
LONGEST_SECONDS = 30.0
# Who lived so long has recovered, and its next death counts as the first. A longer time would add up deaths
# that have nothing to do with each other, and keep a healthy service away for half a minute.
STEADY_SECONDS = 10.0


class Backoff:
    """The waits of one process."""

    def __init__(self) -> None:
        self._deaths = 0

    def after(self, lived_seconds: float) -> float:
        """Return how long to wait after a life of that length."""
        self._deaths = 1 if lived_seconds >= STEADY_SECONDS else self._deaths + 1
        return float(min(FIRST_SECONDS * 2 ** min(self._deaths - 1, 16), LONGEST_SECONDS))
