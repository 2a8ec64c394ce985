"""One living process: its own group, its output in a log, its end with the supervisor's, whatever happens."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import subprocess

from cli.stella.supervise.alarm import Alarm
from cli.stella.supervise.logs import RotatingLog
from cli.stella.supervise.program import Program
from cli.stella.supervise.tie import tied

_READ_BYTES = 64 * 1024


class Process:
    """A started process; made in the main thread alone: the kernel ties it to the thread that made it."""

    def __init__(self, program: Program, log: RotatingLog, alarm: Alarm) -> None:
        self.program = program
        self.exited = asyncio.Event()
        self._log = log
        self._alarm = alarm
        self._reader, writer = os.pipe()
        os.set_blocking(self._reader, False)
        try:
            self._popen = subprocess.Popen(  # noqa: S603 - this program builds the commands itself
                program.command,
                env=dict(program.environment),
                cwd=program.folder,
                stdin=subprocess.DEVNULL,
                stdout=writer,
                stderr=writer,
                start_new_session=True,
                user=program.user,
                preexec_fn=tied(program.death_signal),  # noqa: PLW1509 - two system calls, nothing else
            )
        except BaseException:
            os.close(self._reader)
            raise
        finally:
            os.close(writer)
        self.pid = self._popen.pid
        self._reading = True
        asyncio.get_running_loop().add_reader(self._reader, self._read)

    @property
    def returncode(self) -> int | None:
        """How it ended, or None while it lives."""
        return self._popen.returncode

    def poll(self) -> None:
        """Notice its end; called when any child has ended."""
        if not self.exited.is_set() and self._popen.poll() is not None:
            # Whatever it has started and not ended itself goes with it.
            self.kill()
            self.exited.set()

    def _read(self) -> None:
        try:
            data = os.read(self._reader, _READ_BYTES)
        except BlockingIOError:
            return
        if data:
            self._take(data)
        else:
            self.close()

    def close(self) -> None:
        """Take what is left of its output and stop reading."""
        if not self._reading:
            return
        self._reading = False
        asyncio.get_running_loop().remove_reader(self._reader)
        with contextlib.suppress(BlockingIOError):
            while data := os.read(self._reader, _READ_BYTES):
                self._take(data)
        os.close(self._reader)

    def _take(self, data: bytes) -> None:
        self._alarm.hear(data)  # first: where the disk is full the log takes nothing
        self._log.write(data)

    def ask_to_end(self) -> None:
        """Send the signal that makes it end by itself."""
        with contextlib.suppress(ProcessLookupError):
            os.kill(self.pid, self.program.stop_signal)

    def kill(self) -> None:
        """End it and its group at once."""
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self.pid, signal.SIGKILL)

    def how(self) -> str:
        """Say how it ended."""
        code = self._popen.returncode
        if code is None:
            return "is alive"
        if code < 0:
            return f"was ended by {signal.Signals(-code).name}"
        return f"ended with code {code}"
