"""Moves bytes of a file, or of another connection, to a client within the kernel: never through the process.

A door whose connections are plain TCP offers it (`TRANSFER` in the scope's extensions). Over TLS, and where
blobs are in a bucket, bytes go through the process instead.
"""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import os
import socket
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from libs.common.errors import BlobCorrupt, BlobMissing, Unavailable

# Type of the message whose `transfer` is the body's next bytes, and name of the extension; its `moved` is
# told how many of them have gone, also where not all have.
TRANSFER = "stella.response.transfer"
# A receiver that takes nothing for this long is gone or hostile; a slow link takes 1 MiB in far less.
STALL_SECONDS = 300.0
# So much goes out in one go before other connections have their turn: some milliseconds of a fast receiver.
TURN_BYTES = 8 << 20
PIPE_BYTES = 1 << 20  # the most that a pipe may hold without privilege

_SPLICE = os.SPLICE_F_MOVE | os.SPLICE_F_NONBLOCK


class Transfer(Protocol):
    """Bytes that the kernel can move."""

    @property
    def count(self) -> int:
        """Return how many."""

    async def move_to(self, outlet: Outlet) -> None:
        """Move them all; an error leaves the answer unfinished."""


def takes_transfers(scope: Mapping[str, Any]) -> bool:
    """Say whether the connection of a request takes transfers."""
    return TRANSFER in scope.get("extensions", {})


class Outlet:
    """The sending side of a connection beside its transport, which must have nothing left to send."""

    def __init__(self, descriptor: int, stall_seconds: float = STALL_SECONDS) -> None:
        """Take the transport's descriptor; the loop lets nobody else watch that, so a duplicate is used."""
        self._descriptor = os.dup(descriptor)
        self._stall_seconds = stall_seconds
        self._turn = 0
        self.sent = 0
        self._ready: asyncio.Future[None] | None = None
        self._closed = False

    async def send(self, move: Callable[[int], int], count: int) -> None:
        """Call `move` with the descriptor until `count` bytes have gone; it returns how many it has sent.

        Raises `EOFError` where it sends none, `TimeoutError` where the client takes none.
        """
        while count:
            if self._closed:
                raise ConnectionResetError
            try:
                moved = move(self._descriptor)
            except BlockingIOError:
                await self._writable()
                continue
            if not moved:
                raise EOFError
            count -= moved
            self._turn += moved
            self.sent += moved
            if self._turn >= TURN_BYTES:
                self._turn = 0
                await asyncio.sleep(0)

    async def _writable(self) -> None:
        loop = asyncio.get_running_loop()
        self._turn = 0
        self._ready = loop.create_future()
        loop.add_writer(self._descriptor, self._wake)
        try:
            async with asyncio.timeout(self._stall_seconds):
                await self._ready
        finally:
            self._ready = None
            if not self._closed:
                loop.remove_writer(self._descriptor)

    def _wake(self) -> None:
        if self._ready is not None and not self._ready.done():
            self._ready.set_result(None)

    def close(self) -> None:
        """Let go of the connection; who waits for it is told."""
        if not self._closed:
            self._closed = True
            asyncio.get_running_loop().remove_writer(self._descriptor)
            os.close(self._descriptor)
            self._wake()


@dataclass(frozen=True, slots=True)
class FileRange:
    """A range of a blob's file."""

    path: Path
    offset: int
    count: int
    digest: str  # for errors

    async def move_to(self, outlet: Outlet) -> None:
        """Move the range."""
        end = self.offset + self.count
        offset = self.offset

        def move(target: int) -> int:
            nonlocal offset
            sent = os.sendfile(target, file, offset, end - offset)
            offset += sent
            return sent

        file = self._open()
        try:
            await outlet.send(move, self.count)
        except EOFError as error:
            raise BlobCorrupt(digest=self.digest) from error
        except (ConnectionError, TimeoutError):
            raise
        except OSError as error:
            raise _away(error) from error
        finally:
            os.close(file)

    def _open(self) -> int:
        try:
            return os.open(self.path, os.O_RDONLY | os.O_CLOEXEC)
        except FileNotFoundError as error:
            raise BlobMissing(digest=self.digest) from error
        except OSError as error:
            raise _away(error) from error


def _away(error: OSError) -> Unavailable:
    return Unavailable(dependency="the blob store", reason=error.strerror or type(error).__name__)


@dataclass(frozen=True, slots=True)
class FileRanges:
    """Ranges of files, one after the other: as one transfer they cost a message and its way but once."""

    ranges: tuple[FileRange, ...]

    @property
    def count(self) -> int:
        """Return how many bytes."""
        return sum(each.count for each in self.ranges)

    async def move_to(self, outlet: Outlet) -> None:
        """Move them in order."""
        for each in self.ranges:
            await each.move_to(outlet)


class SocketRange:
    """The next bytes of a connection that this process reads itself: through a pipe, as Linux wants it."""

    def __init__(self, source: socket.socket, count: int, wait_seconds: float, sender: str) -> None:
        """Take a socket that does not block, how much to move, how long it may be silent, and its sender."""
        self.count = count
        self._source = source
        self._wait_seconds = wait_seconds
        self._sender = sender

    async def move_to(self, outlet: Outlet) -> None:
        """Move them; a sender that ends or is silent is `Unavailable`."""
        reading, writing = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
        try:
            with contextlib.suppress(PermissionError):  # many pipes of a user are small ones
                fcntl.fcntl(writing, fcntl.F_SETPIPE_SZ, PIPE_BYTES)
            left = self.count
            while left:
                taken = await self._take(writing, left)
                left -= taken
                await outlet.send(_from_pipe(reading, taken), taken)
        finally:
            os.close(reading)
            os.close(writing)

    async def _take(self, pipe: int, left: int) -> int:
        taken = 0
        try:
            while not taken:
                try:
                    taken = os.splice(self._source.fileno(), pipe, min(left, PIPE_BYTES), flags=_SPLICE)
                except BlockingIOError:
                    await self._readable()
                else:
                    if not taken:
                        raise Unavailable(dependency=self._sender, reason="the connection ended early")
        except OSError as error:  # TimeoutError is one
            reason = error.strerror or "no answer in time"
            raise Unavailable(dependency=self._sender, reason=reason) from error
        return taken

    async def _readable(self) -> None:
        loop = asyncio.get_running_loop()
        ready = asyncio.Event()
        loop.add_reader(self._source, ready.set)
        try:
            async with asyncio.timeout(self._wait_seconds):
                await ready.wait()
        finally:
            loop.remove_reader(self._source)


def _from_pipe(pipe: int, count: int) -> Callable[[int], int]:
    left = count

    def move(target: int) -> int:
        nonlocal left
        moved = os.splice(pipe, target, left, flags=_SPLICE)
        left -= moved
        return moved

    return move
