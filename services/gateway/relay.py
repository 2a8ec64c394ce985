"""Asks the distributor on a connection of its own, so that the kernel can move the body to the client."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncGenerator, Mapping
from dataclasses import dataclass

import h11

from libs.common.errors import Unavailable
from libs.common.http.kernel import SocketRange

READ_BYTES = 64 << 10
MOST_ADDRESSES = 4  # of one name that are tried; each may take the whole time for a connection


@dataclass(frozen=True, slots=True)
class Waits:
    """Seconds to wait for a connection, and for the next bytes."""

    connect: float
    read: float


class Relay:
    """One request and its answer; the connection is closed with it."""

    def __init__(self, connection: socket.socket, waits: Waits) -> None:
        """Take an open connection that does not block."""
        self._socket = connection
        self._waits = waits
        self._protocol = h11.Connection(h11.CLIENT)
        self.status = 0
        self.headers: dict[str, str] = {}

    async def ask(self, method: str, path: str, headers: Mapping[str, str]) -> None:
        """Send the request and read the answer's head."""
        host, port = self._socket.getpeername()[:2]
        named = [("host", f"{host}:{port}"), ("connection", "close"), *headers.items()]
        request = self._protocol.send(h11.Request(method=method, target=path, headers=named))
        self._protocol.send(h11.EndOfMessage())
        loop = asyncio.get_running_loop()
        async with asyncio.timeout(self._waits.read):
            await loop.sock_sendall(self._socket, request or b"")
            while not self.status:
                event = self._protocol.next_event()
                if isinstance(event, h11.Response):
                    self.status = event.status_code
                    self.headers = {
                        name.decode("ascii"): text.decode("latin-1") for name, text in event.headers
                    }
                elif event is h11.NEED_DATA:
                    self._protocol.receive_data(await loop.sock_recv(self._socket, READ_BYTES))

    async def body(self, sender: str) -> AsyncGenerator[bytes | SocketRange, None]:
        """Yield what came with the head, then the rest as one transfer; errors name the `sender`.

        An answer that does not say how long it is comes in pieces, as its framing wants it.
        """
        if "transfer-encoding" in self.headers or "content-length" not in self.headers:
            async for piece in self._pieces(sender):
                yield piece
            return
        left = int(self.headers["content-length"])
        come = bytes(self._protocol.trailing_data[0])[:left]
        if come:
            yield come
        if left > len(come):
            yield SocketRange(self._socket, left - len(come), self._waits.read, sender)

    async def _pieces(self, sender: str) -> AsyncGenerator[bytes, None]:
        loop = asyncio.get_running_loop()
        try:
            while not isinstance(event := self._protocol.next_event(), h11.EndOfMessage):
                if isinstance(event, h11.Data):
                    yield bytes(event.data)
                elif event is h11.NEED_DATA:
                    async with asyncio.timeout(self._waits.read):
                        self._protocol.receive_data(await loop.sock_recv(self._socket, READ_BYTES))
        except (h11.ProtocolError, OSError) as error:  # TimeoutError is one
            raise Unavailable(dependency=sender, reason="its answer ended early") from error

    async def close(self) -> None:
        """Close the connection."""
        self._socket.close()


async def relayed(
    address: tuple[str, int], waits: Waits, method: str, path: str, headers: Mapping[str, str]
) -> Relay:
    """Ask the server at an address and return its answer, whose body is still to come."""
    relay = Relay(await _connected(address, waits.connect), waits)
    try:
        await relay.ask(method, path, headers)
    except BaseException:
        await relay.close()
        raise
    return relay


async def _connected(address: tuple[str, int], seconds: float) -> socket.socket:
    """Return a connection to the first address of a name that takes one."""
    loop = asyncio.get_running_loop()
    async with asyncio.timeout(seconds):
        found = await loop.getaddrinfo(*address, type=socket.SOCK_STREAM)
    last: OSError = OSError("the name has no address")
    for family, kind, protocol, _, place in found[:MOST_ADDRESSES]:
        try:
            return await _connected_to(socket.socket(family, kind, protocol), place, seconds)
        except OSError as error:  # TimeoutError is one
            last = error
    raise last


async def _connected_to(
    connection: socket.socket, place: tuple[str | int, ...] | tuple[int, bytes], seconds: float
) -> socket.socket:
    try:
        connection.settimeout(0)
        async with asyncio.timeout(seconds):
            await asyncio.get_running_loop().sock_connect(connection, place)
    except BaseException:
        connection.close()
        raise
    return connection
