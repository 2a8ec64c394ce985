"""HTTP/1.1 whose headers must arrive in time: an open connection takes a place from somebody else."""

from __future__ import annotations

import asyncio
import secrets
import sys

import h11
from uvicorn.protocols.http.h11_impl import H11Protocol

from libs.common.clock import now
from libs.common.errors import ExportError, InvalidField, TooLarge
from libs.common.http.answers import Refusal

MAX_INCOMPLETE_BYTES = 64 * 1024  # a request line and header larger than this is refused while it is read
_HEADER_TOO_LARGE = 431

HEAD_SECONDS = 20.0  # a header travels in a packet or two; bad links repeat those within seconds


def _fault(error: BaseException | None) -> ExportError:
    if getattr(error, "error_status_hint", 0) == _HEADER_TOO_LARGE:
        return TooLarge(what="The header of the request", limit=f"{MAX_INCOMPLETE_BYTES} bytes")
    return InvalidField(field="request", reason="it is not HTTP/1.1")


class _Spoken(H11Protocol):
    """Answers what is no HTTP, or has a header beyond any limit, in the shape of all errors."""

    def send_400_response(self, msg: str) -> None:  # noqa: ARG002 - its words are not ours
        """Answer once, and close."""
        if self.conn.our_state not in (h11.IDLE, h11.SEND_RESPONSE):
            self.transport.close()  # in the middle of an answer there is nothing more to say
            return
        response = Refusal.of(_fault(sys.exc_info()[1])).response(secrets.token_hex(16), now())
        headers = [(b"connection", b"close"), *response.raw_headers]
        body = bytes(response.body)
        head = h11.Response(status_code=response.status_code, headers=headers)
        for event in (head, h11.Data(data=body), h11.EndOfMessage()):
            self.transport.write(self.conn.send(event) or b"")
        self.transport.close()


def in_time(head_seconds: float) -> type[H11Protocol]:
    """Return the protocol whose connections end where a header takes longer."""

    class InTime(_Spoken):
        """The header's clock runs from the first byte; on a new connection, from its beginning."""

        _timer: asyncio.TimerHandle | None = None

        def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override] # as in its parent
            """Begin to wait for the first request."""
            super().connection_made(transport)
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
            super().connection_lost(exc)

        def _start(self) -> None:
            if self._timer is None:
                self._timer = self.loop.call_later(head_seconds, self.transport.close)

        def _stop(self) -> None:
            if self._timer is not None:
                self._timer.cancel()
                self._timer = None

    return InTime
