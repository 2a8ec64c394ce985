"""HTTP/1.1 whose headers must arrive in time and, without TLS, whose bodies the kernel may move."""

from __future__ import annotations

import asyncio
import os

import h11
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
        if self.scheme == "http" and hasattr(os, "sendfile"):
            self._outlet = Outlet(transport.get_extra_info("socket").fileno())
            # Whoever waits for the transport then waits until nothing is left in it: transfers go past it.
            transport.set_write_buffer_limits(0)
        self._start()

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
        if outlet is None:
            await self._application(scope, receive, send)
            return

        async def send_on(message: Message) -> None:
            if message["type"] == TRANSFER:
                await self._transfer(message["transfer"], outlet)
            else:
                await send(message)

        scope["extensions"] = {TRANSFER: {}}
        await self._application(scope, receive, send_on)

    async def _transfer(self, transfer: Transfer, outlet: Outlet) -> None:
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
                await transfer.move_to(outlet)

    async def _drained(self) -> None:
        if self.flow.write_paused:
            async with asyncio.timeout(STALL_SECONDS):
                await self.flow.drain()

    def _start(self) -> None:
        if self._timer is None:
            self._timer = self.loop.call_later(self.head_seconds, self.transport.close)

    def _stop(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None


def in_time(head_seconds: float) -> type[InTime]:
    """Return the protocol whose connections end where a header takes longer."""
    return type("InTime", (InTime,), {"head_seconds": head_seconds})
