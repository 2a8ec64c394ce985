"""Receives a file that is either whole and checked or not there, and goes on where it was cut off."""

from __future__ import annotations

import fcntl
import hashlib
import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from cli.stella.api import Api
from cli.stella.exit_codes import ExitCode
from cli.stella.failures import Code, CommandFailed, cannot_write
from cli.stella.files import is_at, sync_folder, write_whole
from cli.stella.show.progress import Progress
from cli.stella.transfer.resume import (
    ACCEPTED,
    BadAnswer,
    Step,
    Whole,
    from_state,
    interpret,
    request_headers,
    to_state,
)

HASH_BYTES = 1 << 20
FIRST_WAIT_SECONDS = 0.25
LONGEST_WAIT_SECONDS = 10.0
MAX_IDLE_ATTEMPTS = 8  # attempts in a row that brought nothing: about half a minute
READ_SECONDS = 30.0  # a server that sends nothing for so long is asked again


@dataclass(frozen=True, slots=True)
class Received:
    """What came of it."""

    path: Path
    size: int
    digest: str
    resumed_at: int  # bytes that an earlier call had fetched
    fetched: int  # bytes that this call fetched


class Receiver:
    """One download to one file; `<file>.part` and `<file>.part.json` are what an unfinished one leaves."""

    def __init__(
        self, api: Api, url: str, target: Path, progress: Progress, say: Callable[[str], None],
        sleep: Callable[[float], None],
    ) -> None:  # fmt: skip
        self._api = api
        self._url = url
        self._source = f"{api.connection.server.value}{url}"
        self._target = target
        self._part = target.with_name(target.name + ".part")
        self._state = target.with_name(target.name + ".part.json")
        self._progress = progress
        self._say = say
        self._sleep = sleep
        self._hash = hashlib.sha256()
        self._have = 0
        self._fetched = 0
        self._whole: Whole | None = None

    def receive(self, *, restart: bool) -> Received:
        """Fetch the file; `restart` throws away what an earlier call left."""
        try:
            return self._receive(restart=restart)
        except OSError as error:
            # What is on the disk stays and is hashed anew by the next call.
            raise cannot_write(self._part, error, "Choose another -o, or mend the disk.") from error

    def _receive(self, *, restart: bool) -> Received:
        held = "" if restart else self._held_digest()
        with self._open_part() as part:
            if restart:
                self._forget(part)
            else:
                self._take_up(part)
            resumed_at = self._have
            if not self._fetch(part, held):
                self._discard()
                return Received(self._target, self._target.stat().st_size, held, 0, 0)
            if resumed_at and not self._is_right():
                self._say("What was there was damaged; starting over.")
                self._forget(part)
                resumed_at = 0
                self._fetch(part, "")
            self._finish(part)
        assert self._whole is not None
        return Received(self._target, self._have, self._whole.digest, resumed_at, self._fetched)

    def _held_digest(self) -> str:
        if not self._target.is_file():
            return ""
        with self._target.open("rb") as file:
            return "sha256:" + hashlib.file_digest(file, "sha256").hexdigest()

    def _open_part(self) -> BinaryIO:
        """Open the unfinished file for this process alone.

        Between opening and locking, another process may have finished and renamed it: then it is its finished
        file that is open here, which must not be written.
        """
        while True:
            file = self._lock_part()
            if is_at(file.fileno(), self._part):
                return file
            file.close()

    def _lock_part(self) -> BinaryIO:
        try:
            descriptor = os.open(self._part, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, 0o644)
        except OSError as error:
            raise cannot_write(self._part, error, "Choose another -o.") from error
        file = os.fdopen(descriptor, "r+b")
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            file.close()
            raise CommandFailed(
                ExitCode.TRY_LATER,
                Code.LOCKED,
                f"Another process is fetching to `{self._target}`",
                "Wait for it, or choose another -o.",
            ) from error
        return file

    def _take_up(self, part: BinaryIO) -> None:
        """Go on with what an earlier call left, hashing it again: only the disk knows what is on it."""
        size = os.fstat(part.fileno()).st_size
        try:
            self._whole = from_state(self._state.read_bytes(), self._source)
        except FileNotFoundError:
            self._whole = None
        if not size or self._whole is None or size > self._whole.total:
            self._forget(part)
            return
        part.seek(0)
        while chunk := part.read(HASH_BYTES):
            self._hash.update(chunk)
            self._have += len(chunk)
            self._progress.move(self._have, self._whole.total, "checking what is there")

    def _forget(self, part: BinaryIO) -> None:
        part.seek(0)
        part.truncate()
        self._hash = hashlib.sha256()
        self._have = 0
        self._whole = None

    def _fetch(self, part: BinaryIO, held: str) -> bool:
        """Fetch until all is there; say False where the finished file is the same already."""
        idle = 0
        while self._whole is None or self._have < self._whole.total:
            before = self._fetched
            try:
                if not self._attempt(part, held):
                    return False
                idle = 0
            except CommandFailed as failure:
                if failure.exit_code is not ExitCode.TRY_LATER:
                    raise
                idle = 0 if self._fetched > before else idle + 1
                if idle >= MAX_IDLE_ATTEMPTS:
                    raise self._given_up(failure) from failure
                self._sleep(min(FIRST_WAIT_SECONDS * 2**idle, LONGEST_WAIT_SECONDS))
        return True

    def _attempt(self, part: BinaryIO, held: str) -> bool:
        headers = request_headers(self._whole, self._have, held)
        with self._api.stream(
            "GET", self._url, headers=headers, read_seconds=READ_SECONDS, accept=ACCEPTED
        ) as response:
            try:
                step, whole = interpret(
                    response.status_code, response.headers, self._source, self._whole, self._have
                )
            except BadAnswer as error:
                raise CommandFailed(
                    ExitCode.UNEXPECTED, Code.ANSWER, f"The server's answer is wrong: {error}", "Report it."
                ) from error
            if step is Step.FETCHED:
                return self._whole is not None
            if step is Step.ASK_AGAIN:
                self._forget(part)
                return True
            if step is Step.START_OVER:
                if self._have:
                    self._say("What is offered now is another whole than before; starting over.")
                self._forget(part)
                assert whole is not None
                self._whole = whole
                write_whole(self._state, to_state(whole))
            self._write(part, response.iter_raw())
        return True

    def _write(self, part: BinaryIO, chunks: Iterator[bytes]) -> None:
        assert self._whole is not None
        part.seek(self._have)
        self._progress.move(self._have, self._whole.total)
        for chunk in chunks:
            if self._have + len(chunk) > self._whole.total:
                # A body without a stated length has no end of its own: it would fill the disk.
                raise CommandFailed(
                    ExitCode.UNEXPECTED,
                    Code.ANSWER,
                    f"The server sends more than the {self._whole.total} bytes that it stated",
                    "Report it.",
                )
            part.write(chunk)
            self._hash.update(chunk)
            self._have += len(chunk)
            self._fetched += len(chunk)
            self._progress.move(self._have, self._whole.total)
        part.flush()

    def _is_right(self) -> bool:
        assert self._whole is not None
        return self._have == self._whole.total and f"sha256:{self._hash.hexdigest()}" == self._whole.digest

    def _finish(self, part: BinaryIO) -> None:
        assert self._whole is not None
        if not self._is_right():
            found = f"sha256:{self._hash.hexdigest()}"
            self._discard()
            raise CommandFailed(
                ExitCode.VERIFICATION_FAILED,
                Code.DOWNLOAD,
                f"What arrived has digest {found} and {self._have} bytes, not {self._whole.digest} and "
                f"{self._whole.total}; it was thrown away",
                "Fetch it again. If it happens again, something on the way changes what is sent.",
            )
        part.flush()
        os.fsync(part.fileno())
        self._part.replace(self._target)
        self._state.unlink(missing_ok=True)
        sync_folder(self._target.absolute().parent)

    def _discard(self) -> None:
        self._part.unlink(missing_ok=True)
        self._state.unlink(missing_ok=True)

    def _given_up(self, failure: CommandFailed) -> CommandFailed:
        total = f" of {self._whole.total}" if self._whole else ""
        return CommandFailed(
            ExitCode.TRY_LATER,
            failure.code,
            f"{failure.message}; {self._have}{total} bytes are there",
            "Give the same command again: it goes on from there.",
        )
