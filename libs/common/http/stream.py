"""Streams an answer in bounded memory: the next chunk is made when the last is on its way, and no sooner."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping

from starlette.requests import ClientDisconnect
from starlette.types import Message, Receive, Scope, Send

from libs.common.http.kernel import TRANSFER, Transfer

Pieces = AsyncGenerator[bytes | Transfer, None] | AsyncGenerator[bytes, None]


class Stream:
    """An ASGI answer from an asynchronous generator of bytes and transfers; however it ends, `cleanup` runs.

    With `watch`, the client's leaving ends the answer at once; without, the request's body may still be read
    elsewhere, and its reader sees the client leave. How long a client may take nothing, the door says.
    """

    def __init__(
        self,
        chunks: Pieces,
        status: int,
        headers: Mapping[str, str],
        *,
        watch: bool = True,
        cleanup: Callable[[], Awaitable[None]] | None = None,
    ) -> None:
        """Take what is to be sent."""
        self._chunks = chunks
        self._status = status
        self._headers = _raw(headers)
        self._watch = watch
        self._cleanup = cleanup

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send everything, or raise `ClientDisconnect`."""
        del scope
        try:
            async with contextlib.aclosing(self._chunks) as chunks:
                if self._watch:
                    await self._send_watched(chunks, receive, send)
                else:
                    await self._send_all(chunks, send)
        finally:
            if self._cleanup is not None:
                await self._cleanup()

    async def _send_watched(self, chunks: Pieces, receive: Receive, send: Send) -> None:
        sending = asyncio.create_task(self._send_all(chunks, send))
        leaving = asyncio.create_task(_disconnected(receive))
        try:
            await asyncio.wait({sending, leaving}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in (sending, leaving):
                task.cancel()
            await asyncio.wait({sending, leaving})
        if sending.cancelled():
            raise ClientDisconnect
        sending.result()

    async def _send_all(self, chunks: Pieces, send: Send) -> None:
        await send({"type": "http.response.start", "status": self._status, "headers": self._headers})
        async for chunk in chunks:
            try:
                await send(_message(chunk))
            except (TimeoutError, ConnectionError) as error:
                raise ClientDisconnect from error
            # To a client that has gone, sending takes no time: let its leaving be seen.
            await asyncio.sleep(0)
        await send({"type": "http.response.body", "body": b"", "more_body": False})


def _message(chunk: bytes | Transfer) -> Message:
    if isinstance(chunk, bytes):
        return {"type": "http.response.body", "body": chunk, "more_body": True}
    return {"type": TRANSFER, "transfer": chunk}


async def _disconnected(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass


class Headers:
    """An ASGI answer of a status and headers alone, as for HEAD and 304; no length is made up for them."""

    def __init__(self, status: int, headers: Mapping[str, str]) -> None:
        """Take what is to be sent."""
        self._status = status
        self._headers = _raw(headers)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send them."""
        del scope, receive
        await send({"type": "http.response.start", "status": self._status, "headers": self._headers})
        await send({"type": "http.response.body", "body": b"", "more_body": False})


def _raw(headers: Mapping[str, str]) -> list[tuple[bytes, bytes]]:
    return [(name.lower().encode("latin-1"), text.encode("latin-1")) for name, text in headers.items()]
