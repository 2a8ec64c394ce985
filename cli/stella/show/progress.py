"""Shows how far long work is: a moving bar on a terminal, a sparse line elsewhere, nothing when told so."""

from __future__ import annotations

import os
import time
from collections import deque
from collections.abc import Callable
from enum import Enum
from types import TracebackType
from typing import Any, Self, TextIO

from cli.stella.show import numbers

LINE_SECONDS = 5.0  # without a terminal a line follows after this, or after a tenth of the whole
LINE_SHARE = 0.1
PAUSE_SECONDS = 0.5  # what is done at once needs no line for each tenth
RATE_SECONDS = 10.0  # the window of the sliding rate: steady, yet true within seconds


class Unit(Enum):
    """What is counted."""

    BYTES = "bytes"
    RECORDS = "records"
    SHARDS = "shards"


def amount(unit: Unit, number: float) -> str:
    """Return a number with its unit."""
    return numbers.size(number) if unit is Unit.BYTES else f"{numbers.count(int(number))} {unit.value}"


class SlidingRate:
    """The pace of the last seconds, so that a stall or a resumed start shows at once."""

    def __init__(self) -> None:
        self._samples: deque[tuple[float, int]] = deque()

    def at(self, now: float, done: int) -> float:
        """Take a sample and return the pace a second."""
        self._samples.append((now, done))
        while now - self._samples[min(1, len(self._samples) - 1)][0] >= RATE_SECONDS:
            self._samples.popleft()
        first_time, first_done = self._samples[0]
        return (done - first_done) / (now - first_time) if now > first_time else 0.0


def line(label: str, unit: Unit, done: int, total: int | None, pace: float, *notes: str) -> str:
    """Return one line of progress."""
    parts = [label]
    if total:
        parts.append(f"{min(done * 100 // total, 100)} %")
        shown = numbers.size(done) if unit is Unit.BYTES else numbers.count(done)
        parts.append(f"{shown} of {amount(unit, total)}")
    elif done:
        parts.append(amount(unit, done))
    if pace > 0 and unit is not Unit.SHARDS and (not total or done < total):
        parts.append(f"{amount(unit, pace)}/s")
        if total:
            parts.append(f"{numbers.duration((total - done) / pace)} left")
    return "  ".join((*parts, *filter(None, notes)))


class Progress:
    """Takes what is done and shows it; this one shows nothing."""

    def move(self, done: int, total: int | None = None, note: str = "", detail: str = "") -> None:
        """State what is done of the total and what is being done; only a new `note` is news."""

    def end(self) -> None:
        """Leave the screen as it was found."""

    def __enter__(self) -> Self:
        """Begin."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """End, whatever happened."""
        self.end()


class SparseLines(Progress):
    """A line now and then, for logs."""

    def __init__(
        self, label: str, unit: Unit, stream: TextIO, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._label = label
        self._unit = unit
        self._stream = stream
        self._clock = clock
        self._rate = SlidingRate()
        self._last: tuple[float, int, str] = (clock(), 0, "")

    def move(self, done: int, total: int | None = None, note: str = "", detail: str = "") -> None:
        """Write a line when it is due."""
        now = self._clock()
        pace = self._rate.at(now, done)
        last_time, last_done, last_note = self._last
        further = bool(total) and (done - last_done) / (total or 1) >= LINE_SHARE
        due = now - last_time >= LINE_SECONDS or (further and now - last_time >= PAUSE_SECONDS)
        if due or note != last_note:
            self._last = (now, done, note)
            self._stream.write(line(self._label, self._unit, done, total, pace, note, detail) + "\n")
            self._stream.flush()


class Bar(Progress):
    """A bar that moves in place, with rate and time left."""

    def __init__(self, label: str, unit: Unit, stream: TextIO) -> None:
        from rich.console import Console  # noqa: PLC0415 - slow to load, needed on terminals alone
        from rich.progress import BarColumn, TextColumn  # noqa: PLC0415 - the same
        from rich.progress import Progress as Screen  # noqa: PLC0415 - the same

        self._label = label
        self._unit = unit
        self._rate = SlidingRate()
        self._screen: Any = Screen(
            BarColumn(bar_width=30),
            TextColumn("{task.description}", markup=False),
            console=Console(file=stream, highlight=False, no_color="NO_COLOR" in os.environ),
            transient=True,
            refresh_per_second=8,
        )
        self._task: Any = self._screen.add_task(label, total=None)
        self._screen.start()

    def move(self, done: int, total: int | None = None, note: str = "", detail: str = "") -> None:
        """Move the bar."""
        pace = self._rate.at(time.monotonic(), done)
        text = line(self._label, self._unit, done, total, pace, note, detail)
        self._screen.update(self._task, completed=done, total=total or None, description=text)

    def end(self) -> None:
        """Take the bar away; the command says in a line of its own what came of it."""
        self._screen.stop()


def open_progress(label: str, unit: Unit, stream: TextIO, *, quiet: bool) -> Progress:
    """Return the progress that fits the stream."""
    if quiet:
        return Progress()
    if stream.isatty() and os.environ.get("TERM") != "dumb":
        return Bar(label, unit, stream)
    return SparseLines(label, unit, stream)
