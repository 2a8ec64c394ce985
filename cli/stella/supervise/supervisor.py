"""Keeps processes alive: starts them, waits until they are ready, starts them again, ends them in order."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import os
import signal
import time
from collections.abc import Callable, Sequence
from typing import Self

from cli.stella.exit_codes import ExitCode
from cli.stella.failures import Code, CommandFailed
from cli.stella.show.numbers import duration
from cli.stella.supervise.alarm import Alarm
from cli.stella.supervise.faults import told_fault
from cli.stella.supervise.logs import RotatingLog, tail
from cli.stella.supervise.process import Process
from cli.stella.supervise.program import Program, State
from cli.stella.supervise.restart import Backoff

START_SECONDS = 90.0  # the first start of PostgreSQL on a slow disk takes some of it
FIRST_DEATHS = 3  # who dies so often before it was ever ready will not become so by itself
PROBE_SECONDS = 0.05
KILL_SECONDS = 2.0

Observer = Callable[["Keeper", str], None]


def failed_start(program: Program, reason: str, since: int) -> CommandFailed:
    """Return the failure of a start: what the process itself says of it, else the last lines of its log.

    Of the log counts what stands behind byte `since`.
    """
    said = tail(program.log, since=since)
    told = told_fault(said)
    if told is not None:
        return CommandFailed(
            told.exit_code,
            told.code,
            f"{program.name} cannot start: {told.message}",
            f"{told.hint} Its log is {program.log}.",
        )
    if os.strerror(errno.ENOSPC) in said:
        return CommandFailed(
            ExitCode.TRY_LATER,
            Code.DISK_FULL,
            f"{program.name} {reason}: {os.strerror(errno.ENOSPC)}",
            f"Make room on the disk of its data, then start again. Its log is {program.log}.",
        )
    return CommandFailed(
        ExitCode.UNEXPECTED,
        Code.START,
        f"{program.name} {reason}",
        f"Above are the last lines of its log; the whole log is {program.log}.",
        excerpt=said,
    )


class Keeper:
    """Keeps one program alive."""

    def __init__(self, program: Program, observer: Observer) -> None:
        self.program = program
        self.state = State.WAITING
        self.pid = 0
        self.restarts = 0
        self._observer = observer
        self._log = RotatingLog(program.log)
        self._begin = program.log.stat().st_size
        self._alarm = Alarm(program.alarm)
        self._process: Process | None = None
        self._ready = asyncio.Event()
        self._stopping = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Start it and return once it is ready; raise where it does not become so."""
        self._task = asyncio.create_task(self._keep())
        waiter = asyncio.create_task(self._ready.wait())
        done, _ = await asyncio.wait(
            {self._task, waiter}, timeout=START_SECONDS, return_when=asyncio.FIRST_COMPLETED
        )
        waiter.cancel()
        if self._task in done:
            self._task.result()
        elif waiter not in done:
            self._set(State.FAILED, "")
            raise failed_start(self.program, f"is not ready after {duration(START_SECONDS)}", self._begin)

    async def _keep(self) -> None:
        backoff = Backoff()
        deaths = 0
        while not self._stopping.is_set():
            begun = time.monotonic()
            process = self._spawn()
            await self._live(process, begun)
            if self._stopping.is_set():
                return
            lived = time.monotonic() - begun
            deaths += 1
            if not self._ready.is_set() and deaths >= FIRST_DEATHS:
                self._set(State.FAILED, "")
                raise failed_start(self.program, process.how(), self._begin)
            wait = backoff.after(lived)
            self.restarts += 1
            self._set(State.RESTARTING, f"{process.how()}; starting it again in {duration(wait)}")
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._stopping.wait(), wait)

    def _spawn(self) -> Process:
        if self.program.ready_file is not None:
            self.program.ready_file.unlink(missing_ok=True)
        try:
            self._alarm.reset()
            self._process = Process(self.program, self._log, self._alarm)
        except OSError as error:
            self._set(State.FAILED, "")
            raise failed_start(self.program, f"cannot be started: {error}", self._begin) from error
        self.pid = self._process.pid
        self._set(State.STARTING, "")
        return self._process

    async def _live(self, process: Process, begun: float) -> None:
        """Wait for readiness, then for the end."""
        end = asyncio.create_task(process.exited.wait())
        try:
            while not process.exited.is_set() and not self._stopping.is_set():
                if await self.program.ready():
                    if not process.exited.is_set():
                        self._set(State.READY, f"ready after {duration(time.monotonic() - begun)}")
                        self._ready.set()
                    break
                await asyncio.wait({end}, timeout=PROBE_SECONDS)
            await end
        finally:
            end.cancel()
            process.close()
            self.pid = 0

    def poll(self) -> None:
        """Notice the end of the process, if it has ended."""
        if self._process is not None:
            self._process.poll()

    @property
    def needs_new_start(self) -> bool:
        """Whether it has met a fault from which only a new start brings it back."""
        return self._alarm.has_rung

    async def start_again(self) -> None:
        """End it, so that it is started again."""
        process = self._process
        self._alarm.reset()
        if process is not None and not process.exited.is_set():
            process.ask_to_end()
            if not await _within(process.exited, self.program.stop_seconds):
                process.kill()

    async def stop(self, seconds: float) -> None:
        """Ask it to end, and end it when it does not within `seconds`."""
        self._stopping.set()
        process = self._process
        if process is not None and not process.exited.is_set():
            self._set(State.STOPPING, "")
            process.ask_to_end()
            if not await _within(process.exited, seconds):
                process.kill()
                await _within(process.exited, KILL_SECONDS)
        if self._task is not None:
            # Its failure, if it had one, was told when it started.
            await asyncio.gather(self._task, return_exceptions=True)
        self._log.close()
        if self.state is not State.FAILED:
            self._set(State.STOPPED, "")

    def kill(self) -> None:
        """End it at once."""
        self._stopping.set()
        if self._process is not None:
            self._process.kill()

    def _set(self, state: State, message: str) -> None:
        self.state = state
        self._observer(self, message)


async def _within(event: asyncio.Event, seconds: float) -> bool:
    try:
        await asyncio.wait_for(event.wait(), seconds)
    except TimeoutError:
        return False
    return True


class Supervisor:
    """All programs of one suite."""

    def __init__(self, observer: Observer) -> None:
        self._observer = observer
        self._processes: list[Process] = []
        self.keepers: list[Keeper] = []

    def __enter__(self) -> Self:
        """Notice from now on when children end."""
        asyncio.get_running_loop().add_signal_handler(signal.SIGCHLD, self._poll)
        return self

    def __exit__(self, *_: object) -> None:
        """Notice no longer."""
        asyncio.get_running_loop().remove_signal_handler(signal.SIGCHLD)

    def _poll(self) -> None:
        for keeper in self.keepers:
            keeper.poll()
        for process in self._processes:
            process.poll()

    def add(self, program: Program) -> Keeper:
        """Take a program into care; it waits."""
        keeper = Keeper(program, self._observer)
        self.keepers.append(keeper)
        return keeper

    async def do(self, program: Program) -> None:
        """Run a program to its end; raise unless it succeeds."""
        log = RotatingLog(program.log)
        begin = program.log.stat().st_size
        try:
            process = Process(program, log, Alarm(program.alarm))
            self._processes.append(process)
            try:
                await process.exited.wait()
            finally:
                process.kill()
                process.close()
                self._processes.remove(process)
        finally:
            log.close()
        if process.returncode != 0:
            raise failed_start(program, process.how(), begin)

    async def stop(self, groups: Sequence[Sequence[Keeper]]) -> None:
        """End the programs group by group, each group at once."""
        for group in groups:
            await asyncio.gather(*(keeper.stop(keeper.program.stop_seconds) for keeper in group))

    def kill(self) -> None:
        """End everything at once."""
        for keeper in self.keepers:
            keeper.kill()
        for process in self._processes:
            process.kill()
