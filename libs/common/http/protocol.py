"""HTTP/1.1 whose headers must arrive in time: an open connection takes a place from somebody else."""

from __future__ import annotations

import asyncio

import h11

from libs.common.http.spoken import Spoken

HEAD_SECONDS = 20.0  # a header travels in a packet or two; bad links repeat those within seconds


def in_time(head_seconds: float) -> type[Spoken]:
    """Return the protocol whose connections end where a header takes longer."""

    class InTime(Spoken):
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
