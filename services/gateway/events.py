"""A run's events as server-sent events: replay after any of them, a heartbeat, an end after the last."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import AsyncGenerator
from typing import Any

import grpc
from google.protobuf.message import Message
from starlette.types import ASGIApp

from libs.common.errors import InvalidField
from libs.common.http.identity import caller_of
from libs.common.http.router import Call, Route
from libs.common.http.stream import Headers, Stream
from libs.common.rpc.tokens import TokenVerifier
from services.gateway.binding import Asked, Binding, bind
from services.gateway.transcode import json_value, route_of
from services.gateway.upstreams import Metadata, Upstreams, metadata_of, refused

HEARTBEAT_SECONDS = 15.0  # under the idle time after which proxies close
# A run without an event to replay says nothing; after so long the answer begins all the same.
FIRST_SECONDS = 1.0
RETRY_SECONDS = 0.5
MAX_FAILURES = 10  # in a row, five seconds: a planner that is being replaced is waited for
MAX_SILENT_ENDS = 2  # without a last event; more say that the client has had it before
_HEADERS = {
    "Content-Type": "text/event-stream; charset=utf-8",
    "Cache-Control": "no-store, no-transform",
    "X-Accel-Buffering": "no",  # told to proxies that would gather
}
_NUMBER = re.compile(r"[0-9]{1,18}")
_LAST_EVENT = "Last-Event-ID"


class Events:
    """The route of one streaming RPC; `stopping` ends its answers, so that clients come back elsewhere."""

    def __init__(
        self,
        binding: Binding,
        verifier: TokenVerifier,
        upstreams: Upstreams,
        stopping: asyncio.Event,
        heartbeat_seconds: float = HEARTBEAT_SECONDS,
    ) -> None:
        """Take what to follow, whom to ask, and how long to be silent at most."""
        self._binding = binding
        self._verifier = verifier
        self._upstreams = upstreams
        self._stopping = stopping
        self._heartbeat_seconds = heartbeat_seconds

    def route(self) -> Route:
        """Return the route."""
        return route_of(self._binding, self._handle)

    async def _handle(self, call: Call) -> ASGIApp:
        tenant = caller_of(call.request, self._verifier, self._binding.rpc).tenant
        call.fields["tenant"] = tenant
        request = bind(self._binding, Asked(call.variables), tenant)
        after = _after(call)
        if call.request.method == "HEAD":
            return Headers(200, _HEADERS)
        follower = _Follower(
            self._upstreams, self._binding, request, after, metadata_of(call, tenant), self._stopping
        )
        await follower.begin()
        lines = follower.lines(self._heartbeat_seconds)
        return Stream(lines, 200, _HEADERS, cleanup=follower.close)


class _Follower:
    """Follows one run; a stream that breaks is opened again after the event that came last."""

    def __init__(
        self,
        upstreams: Upstreams,
        binding: Binding,
        request: Message,
        after: int,
        metadata: Metadata,
        stopping: asyncio.Event,
    ) -> None:
        self._upstreams = upstreams
        self._binding = binding
        self._request = request
        self._last = after
        self._metadata = metadata
        self._stopping = stopping
        self._ended = False
        self._terminal = False
        self._failures = 0
        self._call: grpc.aio.UnaryStreamCall[Any, Any] | None = None
        self._reading: asyncio.Task[Any] | None = None

    async def begin(self) -> None:
        """Open the stream and raise `Refused` where that fails at once: then there is a status to say so."""
        reading = self._read()
        await asyncio.wait({reading}, timeout=FIRST_SECONDS)
        error = reading.exception() if reading.done() else None
        if isinstance(error, grpc.aio.AioRpcError):
            await self.close()
            raise refused(error, self._binding.served_by)

    async def lines(self, heartbeat_seconds: float) -> AsyncGenerator[bytes, None]:
        """Yield events and heartbeats until the last event, or until the door stops."""
        stopping = asyncio.create_task(self._stopping.wait())
        try:
            while not self._ended:
                reading = self._read()
                await asyncio.wait(
                    {reading, stopping}, timeout=heartbeat_seconds, return_when=asyncio.FIRST_COMPLETED
                )
                if stopping.done():
                    return
                if not reading.done():
                    yield b": heartbeat\n\n"
                elif (event := await self._take(reading)) is not None:
                    yield _written(event)
        finally:
            stopping.cancel()

    def _read(self) -> asyncio.Task[Any]:
        """Return the read that goes on; cancelling it would end the stream, so that is left to `close`."""
        if self._reading is None:
            if self._call is None:
                self._request.after_sequence = self._last  # type: ignore[attr-defined] # a WatchRunRequest
                self._call = self._upstreams.stream(
                    self._binding.served_by, self._binding.method, self._request, self._metadata
                )
            self._reading = asyncio.ensure_future(self._call.read())
        return self._reading

    async def _take(self, reading: asyncio.Task[Any]) -> Any:
        """Return the event that was read, or None where the stream ended or broke."""
        try:
            event = reading.result()
        except grpc.aio.AioRpcError as error:
            mendable = error.code() in (grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.CANCELLED)
            await self._again(MAX_FAILURES if mendable else 0)
            return None
        if event is grpc.aio.EOF:  # type: ignore[attr-defined] # missing in the stubs
            await self._again(0 if self._terminal else MAX_SILENT_ENDS)
            return None
        self._reading = None
        self._failures = 0
        self._last = event.sequence
        self._terminal = event.terminal
        return event

    async def _again(self, most: int) -> None:
        """Let the next read open a new stream, after a pause; beyond `most` in a row the answer ends."""
        await self.close()
        self._failures += 1
        self._ended = self._failures > most
        if not self._ended:
            await asyncio.sleep(RETRY_SECONDS)

    async def close(self) -> None:
        """Let go of the stream."""
        call, reading = self._call, self._reading
        self._call = self._reading = None
        if call is not None:
            call.cancel()
        if reading is not None:
            reading.cancel()
            await asyncio.wait({reading})


def _after(call: Call) -> int:
    """Return the number of the last event that the client has."""
    header = call.request.headers.get(_LAST_EVENT)
    unknown = [name for name in call.request.query_params if name not in ("after", "afterSequence")]
    if unknown:
        raise InvalidField(field=unknown[0][:80], reason="there is no such parameter; there is: after")
    query = call.request.query_params.get("after", call.request.query_params.get("afterSequence", "0"))
    text = query if header is None else header
    if not _NUMBER.fullmatch(text):
        field = "after" if header is None else _LAST_EVENT
        raise InvalidField(field=field, reason="the number of an event, or 0, is wanted")
    return int(text)


def _written(event: Any) -> bytes:
    data = json.dumps(json_value(event), ensure_ascii=False, separators=(",", ":"))
    return f"id: {event.sequence}\nevent: {event.type}\ndata: {data}\n\n".encode()
