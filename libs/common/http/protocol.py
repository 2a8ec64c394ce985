"""HTTP/1.1 whose headers must arrive in time and, without TLS, whose bodies the kernel may move."""

from __future__ import annotations

import asyncio
import contextlib
import os
from collections.abc import Callable

import h11
from starlette.requests import ClientDisconnect
from starlette.types import ASGIApp, Message, Receive, Scope, Send
from uvicorn.config import Config
from uvicorn.server import ServerState

from libs.common.http.kernel import STALL_SECONDS, TRANSFER, Outlet, Transfer
from libs.common.http.spoken import Spoken

HEAD_SECONDS = 20.0  # a header travels in a packet or two; bad links repeat those within seconds


class _Length:
    """Stands for bytes that the kernel moves, where h11 frames them."""

    def __init__(self, count: int) -> None:
        self._count = count

    def __len__(self) -> int:
        return self._count


class InTime(Spoken):
    """The header's clock runs from the first byte; on a new connection, from its beginning."""

    head_seconds = HEAD_SECONDS
    stall_seconds = STALL_SECONDS
    _timer: asyncio.TimerHandle | None = None
    _outlet: Outlet | None = None

    def __init__(
        self,
        config: Config,
        server_state: ServerState,
        app_state: dict[str, object],
        _loop: asyncio.AbstractEventLoop | None = None,
    ) -> None:
        super().__init__(config, server_state, app_state, _loop)
        self._application: ASGIApp = self.app
        self.app = self._answer

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override] # as in its parent
        """Begin to wait for the first request."""
        super().connection_made(transport)
        self._start()
        if self.scheme == "http" and hasattr(os, "sendfile"):
            # Where no more files can be opened, bytes go through the process.
            with contextlib.suppress(OSError):
                self._outlet = Outlet(transport.get_extra_info("socket").fileno())
                # Who waits for the transport then waits until nothing is left in it: transfers go past it.
                transport.set_write_buffer_limits(0)

    def data_received(self, data: bytes) -> None:
        """Take bytes; between two requests nothing is waited for but by the keep-alive's own clock."""
        super().data_received(data)
        if self.conn.their_state is h11.IDLE:
            self._start()
        else:
            self._stop()

    def connection_lost(self, exc: Exception | None) -> None:
        """Forget the connection."""
        self._stop()
        if self._outlet is not None:
            self._outlet.close()
        super().connection_lost(exc)

    async def _answer(self, scope: Scope, receive: Receive, send: Send) -> None:
        outlet = self._outlet

        async def send_on(message: Message) -> None:
            if outlet is not None and message["type"] == TRANSFER:
                await self._transfer(message["transfer"], outlet, message["moved"])
                return
            try:
                async with asyncio.timeout(self.stall_seconds):
                    await send(message)
            except TimeoutError as error:
                self.transport.abort()  # what is written already would wait for the client, too
                await asyncio.sleep(0)  # in which the connection's end is noticed
                raise ClientDisconnect from error

        if outlet is not None:
            scope["extensions"] = {TRANSFER: {}}
        with contextlib.suppress(ClientDisconnect):  # of a refusal: the application has told of any other
            await self._application(scope, receive, send_on)

    async def _transfer(self, transfer: Transfer, outlet: Outlet, moved: Callable[[int], None]) -> None:
        cycle = self.cycle
        await self._drained()
        if cycle.disconnected:
            return
        placeholder = h11.Data(data=_Length(transfer.count))  # type: ignore[arg-type] # h11 asks for a length alone
        for part in self.conn.send_with_data_passthrough(placeholder) or ():
            if isinstance(part, bytes):
                self.transport.write(part)
                await self._drained()
            else:
                before = outlet.sent
                try:
                    await transfer.move_to(outlet)
                finally:
                    moved(outlet.sent - before)

    async def _drained(self) -> None:
        if self.flow.write_paused:
            async with asyncio.timeout(self.stall_seconds):
                await self.flow.drain()

    def _start(self) -> None:
        if self._timer is None:
            self._timer = self.loop.call_later(self.head_seconds, self.transport.close)

    def _stop(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None


def in_time(head_seconds: float, stall_seconds: float = STALL_SECONDS) -> type[InTime]:
    """Return the protocol whose connections end where a header, or a client that takes bytes, is slower."""
    return type("InTime", (InTime,), {"head_seconds": head_seconds, "stall_seconds": stall_seconds})
