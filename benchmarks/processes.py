"""Watches the memory and processor time of every process of a suite and of the commands beside it."""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Self

import psutil

SAMPLES_A_SECOND = 8
_KIB = 1024


@dataclass(slots=True)
class Peaks:
    """The most memory that each process has had, in bytes, by what it is."""

    by_name: dict[str, int] = field(default_factory=dict)

    def take(self, name: str, size: int) -> None:
        """Note a size."""
        self.by_name[name] = max(self.by_name.get(name, 0), size)


class Watch:
    """Samples the descendants of a process in a thread until it is closed.

    A process counts with its peak as the kernel keeps it (`VmHWM`), which no sample can miss. The backends of
    PostgreSQL all map one shared buffer, so each counts with its own memory alone (`RssAnon`), as sampled.
    """

    def __init__(self, root: int) -> None:
        """Take whose descendants are watched; `root` is one of them."""
        self.peaks = Peaks()
        self._root = psutil.Process(root)
        self._names: dict[int, str] = {}
        self._hosts: list[int] = []
        self._ended = threading.Event()
        self._seconds: dict[int, float] = {}
        self._thread = threading.Thread(target=self._run, daemon=True)

    def __enter__(self) -> Self:
        """Begin."""
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        """End with a last look, while the processes still run."""
        self._ended.set()
        self._thread.join()
        self.look()

    def _run(self) -> None:
        while not self._ended.wait(1 / SAMPLES_A_SECOND):
            self.look()

    def look(self) -> None:
        """Take one sample."""
        with contextlib.suppress(psutil.NoSuchProcess):
            for process in (self._root, *self._root.children(recursive=True)):
                self._sample(process)

    def _sample(self, process: psutil.Process) -> None:
        with contextlib.suppress(psutil.NoSuchProcess, FileNotFoundError, ProcessLookupError):
            name = self._names.get(process.pid) or self._name(process)
            status = Path(f"/proc/{process.pid}/status").read_text(encoding="utf-8")
            self.peaks.take(name, _kibibytes(status, "RssAnon" if name == "postgres" else "VmHWM") * _KIB)
            times = process.cpu_times()
            self._seconds[process.pid] = times.user + times.system

    def _name(self, process: psutil.Process) -> str:
        command = process.cmdline()
        name = next((word for word in command if word.startswith(("services.", "cli.stella"))), "")
        if not name:
            name = "postgres" if "postgres" in process.name() else process.name()
        if name.endswith("adapter_host"):
            self._hosts.append(process.pid)
            name = f"{name} {len(self._hosts)}"
        if name == "cli.stella":
            name = "stella up"
        # A child that has not yet become its program is asked again.
        if process.pid != self._root.pid and name == "stella up":
            return name
        self._names[process.pid] = name
        return name

    @property
    def seconds(self) -> float:
        """Return the processor time of all processes so far."""
        return sum(self._seconds.values())


def _kibibytes(status: str, member: str) -> int:
    start = status.find(f"{member}:")
    return int(status[start:].split(None, 2)[1]) if start >= 0 else 0


@contextlib.contextmanager
def followed(pid: int, name: str, peaks: Peaks) -> Iterator[None]:
    """Note the peak memory of one process, which the caller waits for, under a name."""
    ended = threading.Event()

    def run() -> None:
        while not ended.wait(1 / SAMPLES_A_SECOND):
            with contextlib.suppress(FileNotFoundError, ProcessLookupError):
                status = Path(f"/proc/{pid}/status").read_text(encoding="utf-8")
                peaks.take(name, _kibibytes(status, "VmHWM") * _KIB)

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()


@dataclass(frozen=True, slots=True)
class Took:
    """What a step took: seconds by the clock and seconds of processors."""

    seconds: float
    cpu: float


class Timer:
    """Measures a step over the suite's processes and this one's children."""

    def __init__(self, watch: Watch) -> None:
        """Begin."""
        self._watch = watch
        watch.look()
        self._start = time.perf_counter()
        self._cpu = self._now()

    def _now(self) -> float:
        own = psutil.Process().cpu_times()
        return self._watch.seconds + own.children_user + own.children_system + own.user + own.system

    def took(self) -> Took:
        """Return what it took so far."""
        seconds = time.perf_counter() - self._start
        self._watch.look()
        return Took(seconds, self._now() - self._cpu)
