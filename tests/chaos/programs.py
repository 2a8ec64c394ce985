"""Finds the programs of a running suite, and signals them."""

from __future__ import annotations

import contextlib
import os
import random
import signal
from dataclasses import dataclass

import psutil

_PROGRAMS = {"postgres": "/postgres", "nats": "nats-server"}
_MODULES = {"reader": "services.evidence.importing.process"}


@dataclass(frozen=True, slots=True)
class Programs:
    """The programs of one suite, by the names that schedules use; `supervisor` is the pid of `stella up`."""

    supervisor: int

    def find(self, name: str) -> list[psutil.Process]:
        """Return the processes of a program that live now, oldest first: one, or one for each host."""
        found = [child for child in self._everything() if _is_named(child, name, self.supervisor)]
        return sorted(found, key=lambda child: child.pid)

    def pick(self, name: str, draw: random.Random) -> psutil.Process | None:
        """Return one process of a program, or None while it is dead."""
        found = self.find(name)
        return draw.choice(found) if found else None

    def continue_all(self) -> None:
        """Let everything that is stopped go on."""
        for process in self._everything():
            with contextlib.suppress(psutil.NoSuchProcess):
                if process.status() == psutil.STATUS_STOPPED:
                    process.send_signal(signal.SIGCONT)

    def _everything(self) -> list[psutil.Process]:
        with contextlib.suppress(psutil.NoSuchProcess):
            return psutil.Process(self.supervisor).children(recursive=True)
        return []


def _is_named(process: psutil.Process, name: str, supervisor: int) -> bool:
    with contextlib.suppress(psutil.NoSuchProcess, psutil.AccessDenied):
        command = process.cmdline()
        if name in _PROGRAMS:
            # The servers of PostgreSQL's sessions are called the same for a moment, and are not it.
            return process.ppid() == supervisor and bool(command) and command[0].endswith(_PROGRAMS[name])
        return _MODULES.get(name, f"services.{name}") in command
    return False


def send(pid: int, number: signal.Signals, *, to_children: bool = False) -> None:
    """Signal a process, and its children where they are part of it; one that is dead hears nothing."""
    with contextlib.suppress(ProcessLookupError, psutil.NoSuchProcess):
        pids = [child.pid for child in psutil.Process(pid).children(recursive=True)] if to_children else []
        for each in (pid, *pids):
            with contextlib.suppress(ProcessLookupError):
                os.kill(each, number)
