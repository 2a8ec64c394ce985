"""Brings something about while a command is under way: a service stands still at a point in its middle."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from tests.bad_days.case import Day
from tests.kit.stella import Ended

_REACHED_SECONDS = 60.0

D = TypeVar("D", bound=Day)


@dataclass(frozen=True, slots=True)
class Halfway:
    """A point of a service's code, from libs/common/points.py."""

    service: str
    point: str


IN_IMPORT = Halfway("evidence", "evidence.import_written")  # within the transaction
IN_RUN = Halfway("planner", "planner.transition_written")  # the same


def halfway(
    day: D,
    place: Halfway,
    ask: Callable[[D], Ended],
    what: Callable[[D], None],
    then: Callable[[D], None] = lambda _: None,
) -> Ended:
    """Ask; when the service gets to the point, stop it there, do `what`, let it go on, do `then`."""
    folder = day.points / place.service
    folder.mkdir(parents=True, exist_ok=True)
    order = folder / f"00-{place.point}.stop"
    order.touch()

    def disturb() -> None:
        pid = _wait_until_stopped(order)
        try:
            what(day)
        finally:
            os.kill(pid, signal.SIGCONT)
        then(day)

    with ThreadPoolExecutor(1) as pool:
        disturbed = pool.submit(disturb)
        ended = ask(day)
        disturbed.result()
    return ended


def _wait_until_stopped(order: Path) -> int:
    deadline = time.monotonic() + _REACHED_SECONDS
    while time.monotonic() < deadline:
        for taken in order.parent.glob(f"{order.name}.*"):
            pid = int(taken.suffix.removeprefix("."))
            taken.unlink()
            return pid
        time.sleep(0.02)
    order.unlink(missing_ok=True)
    raise AssertionError(f"no process came to {order.name}")
