"""Keeps processes that read batches: each is asked one batch at a time, and one that dies is replaced.

They are plain children on two pipes, not those of `concurrent.futures`: there a dead process takes the work
of all imports with it, and the others outlive a service that is killed.
"""

from __future__ import annotations

import subprocess
import sys
from concurrent.futures import Future, ThreadPoolExecutor
from queue import LifoQueue

from libs.common.errors import Unavailable
from services.evidence.importing.framing import Message, receive, send

MODULE = "services.evidence.importing.process"
END_SECONDS = 10.0  # far longer than a process needs to see that its input has ended


class ProcessFailed(RuntimeError):
    """A process that ended by itself: a fault of the program, told on standard error."""


class _Process:
    """One child; it sees the end of its input when the service closes it or dies, and ends."""

    def __init__(self) -> None:
        command = [sys.executable, "-m", MODULE]
        self._child = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)  # noqa: S603 - own module

    def is_running(self) -> bool:
        """Say whether it is there, not whether it does anything."""
        return self._child.poll() is None

    def ask(self, batch: Message) -> bytes | None:
        """Return the answer, or None where the process died over it."""
        assert self._child.stdin is not None
        assert self._child.stdout is not None
        try:
            send(self._child.stdin, batch)
            answer = receive(self._child.stdout)
        except BrokenPipeError:
            return None
        return None if answer is None else answer[0][0]

    def end(self) -> int:
        """End it, whatever it does, and return how it ended."""
        for pipe in (self._child.stdin, self._child.stdout):
            assert pipe is not None
            try:
                pipe.close()
            except BrokenPipeError:
                continue  # it is dead, and what was not sent is of no use to it
        try:
            return self._child.wait(END_SECONDS)
        except subprocess.TimeoutExpired:
            return self.kill()

    def kill(self) -> int:
        """End it at once, and return how it ended."""
        self._child.kill()
        return self._child.wait()


class Processes:
    """A fixed number of processes, each fed by a thread of its own."""

    def __init__(self, count: int) -> None:
        self.count = count
        self._threads = ThreadPoolExecutor(count, "read")
        self._idle: LifoQueue[_Process | None] = LifoQueue()  # None is the place of one that is to be started
        for _ in range(count):
            self._idle.put(_Process())

    def read(self, batch: Message) -> Future[bytes]:
        """Hand a batch over; what comes back is the answer, or why there is none."""
        return self._threads.submit(self._ask, batch)

    def _ask(self, batch: Message) -> bytes:
        process, kept = self._idle.get(), None
        try:
            if process is not None and not process.is_running():  # it died while it had nothing to do
                process.end()
                process = None
            process = process or _started()
            answer = process.ask(batch)
            if answer is not None:
                kept = process
                return answer
            code = process.end()
        finally:
            # Whatever was raised: its place is never lost, and one in an unknown state is not asked again.
            if process is not None and kept is None:
                process.kill()
            self._idle.put(kept)
        if code >= 0:
            raise ProcessFailed(f"a process that reads evidence ended with exit code {code}")
        raise Unavailable(
            dependency="a process that reads evidence",
            reason=f"it was killed by signal {-code}, as is done where memory is short",
        )

    def close(self) -> None:
        """End all of them."""
        self._threads.shutdown(cancel_futures=True)
        while not self._idle.empty():
            if (process := self._idle.get()) is not None:
                process.end()


def _started() -> _Process:
    try:
        return _Process()
    except OSError as error:
        raise Unavailable(
            dependency="a process that reads evidence", reason=error.strerror or "it cannot be started"
        ) from error
