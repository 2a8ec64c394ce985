"""Carries out the faults of one schedule beside its story, in a thread that nothing can hold up."""

from __future__ import annotations

import random
import re
import signal
import threading
import time
from collections.abc import Sequence
from pathlib import Path

from tests.chaos.faults import Action, After, AtPoint, AtStage, Fault
from tests.chaos.programs import Programs, send
from tests.chaos.schedule import POSTGRES, STAGES

LOOK_SECONDS = 0.01
HOLD_SECONDS = 0.3  # how long a process is held at a point while another program is disturbed
_TAKEN = re.compile(r"(?P<order>[0-9]{2}-[a-z_.]+\.[a-z]+)\.(?P<pid>[0-9]+)")


class Disturber:
    """`stage` is the furthest stage that the story has seen; `happened` tells what was done."""

    def __init__(self, programs: Programs, points: Path, faults: Sequence[Fault], seed: int) -> None:
        self._programs = programs
        self._points = points
        self._draw = random.Random(f"victims {seed}")
        self._timed = [fault for fault in faults if not isinstance(fault.moment, AtPoint)]
        self._ordered = _orders(faults)
        self._stopped: list[tuple[float, int, bool]] = []  # until when, who, with children
        self._end = threading.Event()
        self._thread = threading.Thread(target=self._run, name=f"disturber {seed}")
        self._begun = 0.0
        self.stage = ""
        self.happened: list[str] = []
        self.seconds = 0.0  # from beginning to end

    def begin(self) -> None:
        """Give the orders, and start the clock."""
        for service in {service for service, _ in self._ordered}:
            (self._points / service).mkdir(parents=True, exist_ok=True)
        for (service, order), fault in self._ordered.items():
            assert isinstance(fault.moment, AtPoint)
            number = int(order[:2])
            for earlier in range(number - fault.moment.visit + 1, number):
                (self._points / service / f"{earlier:02d}-{fault.moment.point}.pass").touch()
            (self._points / service / order).touch()
        self._begun = time.monotonic()
        self._thread.start()

    def finish(self) -> None:
        """Take back what has not happened, and let everything go on."""
        self._end.set()
        if self._begun:
            self.seconds = time.monotonic() - self._begun
            self._thread.join()
        for path in self._points.glob("*/*"):
            path.unlink(missing_ok=True)
        self._programs.continue_all()

    def _run(self) -> None:
        while not self._end.wait(LOOK_SECONDS):
            self._look_at_marks()
            for fault in [fault for fault in self._timed if self._is_due(fault)]:
                self._timed.remove(fault)
                self._disturb(fault)
            self._let_go()

    def _is_due(self, fault: Fault) -> bool:
        match fault.moment:
            case After(seconds):
                return time.monotonic() - self._begun >= seconds
            case AtStage(stage):
                return bool(self.stage) and _rank(self.stage) >= _rank(stage)
            case _:
                return False

    def _look_at_marks(self) -> None:
        for path in self._points.glob("*/*"):
            match = _TAKEN.fullmatch(path.name)
            if match is None:
                continue
            path.unlink(missing_ok=True)
            fault = self._ordered.get((path.parent.name, match["order"]))
            if fault is not None:
                self._meet(fault, int(match["pid"]))

    def _meet(self, fault: Fault, holder: int) -> None:
        """Do what is to be done now that a process has come to its point, where it was killed or stands."""
        assert isinstance(fault.moment, AtPoint)
        if fault.victim != fault.moment.service:
            self._disturb(fault)
            self._stop_until(HOLD_SECONDS, holder)
            return
        self._tell(fault)
        if fault.action is Action.STOP:
            self._stop_until(fault.seconds, holder)
        elif fault.action is Action.RESTART:
            send(holder, signal.SIGTERM)
            send(holder, signal.SIGCONT)

    def _disturb(self, fault: Fault) -> None:
        process = self._programs.pick(fault.victim, self._draw)
        if process is None:
            self.happened.append(f"{fault}: it was dead already")
            return
        self._tell(fault)
        if fault.action is Action.KILL:
            send(process.pid, signal.SIGKILL)
        elif fault.action is Action.RESTART:
            # PostgreSQL waits for its clients on SIGTERM; SIGINT is how its supervisor ends it.
            send(process.pid, signal.SIGINT if fault.victim == POSTGRES else signal.SIGTERM)
        else:
            with_children = fault.victim == POSTGRES
            send(process.pid, signal.SIGSTOP, to_children=with_children)
            self._stop_until(fault.seconds, process.pid, with_children=with_children)

    def _stop_until(self, seconds: float, pid: int, *, with_children: bool = False) -> None:
        self._stopped.append((time.monotonic() + seconds, pid, with_children))

    def _let_go(self) -> None:
        now = time.monotonic()
        for stopped in [stopped for stopped in self._stopped if stopped[0] <= now]:
            self._stopped.remove(stopped)
            send(stopped[1], signal.SIGCONT, to_children=stopped[2])

    def _tell(self, fault: Fault) -> None:
        self.happened.append(f"{time.monotonic() - self._begun:.2f} s: {fault}")


def _orders(faults: Sequence[Fault]) -> dict[tuple[str, str], Fault]:
    """Return service and file name of the order of each fault at a point, numbered behind its passes."""
    found: dict[tuple[str, str], Fault] = {}
    for fault in faults:
        if isinstance(fault.moment, AtPoint):
            dies = fault.action is Action.KILL and fault.victim == fault.moment.service
            action = "kill" if dies else "stop"
            found[fault.moment.service, f"{fault.moment.visit:02d}-{fault.moment.point}.{action}"] = fault
    return found


def _rank(stage: str) -> int:
    return STAGES.index(stage) if stage in STAGES else len(STAGES)
