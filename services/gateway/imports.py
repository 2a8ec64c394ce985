"""Uploads of evidence: a form in, progress out, both as streams; no file is held whole, here or on a disk."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import AsyncGenerator, Callable
from typing import Any

import grpc
from google.protobuf.descriptor import MethodDescriptor
from starlette.requests import Request
from starlette.types import ASGIApp
from stellaops.evidence.v1 import imports_pb2

from libs.common.clock import Clock
from libs.common.errors import ExportError, InvalidField, Unavailable
from libs.common.http.answers import Refusal, Refused
from libs.common.http.identity import caller_of
from libs.common.http.router import Call, Route
from libs.common.http.stream import Stream
from libs.common.rpc.tokens import TokenVerifier
from services.gateway.contracts import IMPORT
from services.gateway.form import Form, boundary_of
from services.gateway.templates import parse_template
from services.gateway.transcode import json_value
from services.gateway.upstreams import Upstreams, metadata_of, refused, send

PATH = "/api/evidence/imports"
SERVICE = "evidence"
METHOD: MethodDescriptor = imports_pb2.DESCRIPTOR.services_by_name["ImportService"].methods_by_name["Import"]
IDLE_SECONDS = 120.0  # without a byte from the client; a disk that spins up takes less
LINE_SECONDS = 0.25  # between two lines, so that a client which reads only at the end is not outrun
REPEAT_SECONDS = 15.0  # the last progress is said again, so that no proxy takes a long merge for a dead one
_HEADERS = {"Content-Type": "application/x-ndjson", "Cache-Control": "no-store, no-transform"}


class Imports:
    """The route of imports."""

    def __init__(self, verifier: TokenVerifier, upstreams: Upstreams, clock: Clock) -> None:
        """Take who checks tokens, the way to the evidence service, and the time for errors."""
        self._verifier = verifier
        self._upstreams = upstreams
        self._clock = clock

    def route(self) -> Route:
        """Return the route."""
        return Route("POST", parse_template(PATH).pattern, PATH, self._handle)

    async def _handle(self, call: Call) -> ASGIApp:
        tenant = caller_of(call.request, self._verifier, IMPORT).tenant
        call.fields["tenant"] = tenant
        form = Form(boundary_of(call.request.headers.get("content-type", "")))
        stream = self._upstreams.exchange(SERVICE, METHOD, metadata_of(call, tenant))
        exchange = _Exchange(stream, asyncio.create_task(_upload(call.request, form, stream)))
        try:
            await exchange.begin()
        except BaseException:
            await exchange.close()
            raise
        lines = exchange.lines(lambda refusal: _error(refusal, call.trace, self._clock))
        # The body is still being read, and whoever reads it sees the client leave.
        return Stream(lines, 200, _HEADERS, watch=False, cleanup=exchange.close)


class _Exchange:
    """One import under way: the form goes up as fast as the service takes it, progress comes down.

    Of several progress messages that wait for a slow client only the newest is sent.
    """

    def __init__(self, stream: Any, upload: asyncio.Task[None]) -> None:
        self._stream = stream
        self._upload = upload
        self._progress = asyncio.create_task(self._follow())
        self._newest: Any = None
        self._news = asyncio.Event()

    async def begin(self) -> None:
        """Wait for the first progress; raise what went wrong before it."""
        news = asyncio.create_task(self._news.wait())
        try:
            await asyncio.wait({news, self._progress, self._upload}, return_when=asyncio.FIRST_COMPLETED)
            if self._upload.done():
                self._upload.result()
                await asyncio.wait({news, self._progress}, return_when=asyncio.FIRST_COMPLETED)
            if not self._news.is_set():
                self._progress.result()
        finally:
            news.cancel()

    async def lines(self, error_line: Callable[[Refusal], bytes]) -> AsyncGenerator[bytes, None]:
        """Yield each progress, the last with the result; or, as the last line, the error."""
        sent: Any = None
        repeat = False
        try:
            while True:
                self._news.clear()
                if self._newest is not sent or repeat:
                    sent = self._newest
                    yield _line(json_value(sent))
                    await asyncio.wait({self._progress}, timeout=LINE_SECONDS)
                if self._upload.done():
                    self._upload.result()
                if self._newest is sent and self._progress.done():
                    self._progress.result()
                    return
                repeat = self._newest is sent and await self._nothing_new()
        except Refused as failure:
            yield error_line(failure.refusal)
        except ExportError as failure:
            yield error_line(Refusal.of(failure))

    async def _nothing_new(self) -> bool:
        """Wait for something to happen; say whether nothing did for REPEAT_SECONDS."""
        news = asyncio.create_task(self._news.wait())
        waited = {news, self._progress} | (set() if self._upload.done() else {self._upload})
        done, _ = await asyncio.wait(waited, timeout=REPEAT_SECONDS, return_when=asyncio.FIRST_COMPLETED)
        news.cancel()
        return not done

    async def _follow(self) -> None:
        """Keep the newest progress; an end without a result is the service's fault."""
        try:
            while (message := await self._stream.read()) is not grpc.aio.EOF:  # type: ignore[attr-defined] # missing in the stubs
                self._newest = message
                self._news.set()
        except grpc.aio.AioRpcError as error:
            raise refused(error, SERVICE) from error
        if self._newest is None or not self._newest.HasField("result"):
            raise Unavailable(dependency="the evidence service", reason="it ended an import without a result")

    async def close(self) -> None:
        """End everything that still goes on; an import that has not ended changes nothing."""
        self._stream.cancel()
        tasks = {self._upload, self._progress}
        for task in tasks:
            task.cancel()
        await asyncio.wait(tasks)
        for task in tasks:
            if not task.cancelled():
                task.exception()


async def _upload(request: Request, form: Form, stream: Any) -> None:
    """Send the form's messages as the service takes them; where it takes no more, its status says why."""
    received = request.stream()
    with contextlib.suppress(grpc.aio.AioRpcError, grpc.aio.InternalError):
        while True:
            try:
                async with asyncio.timeout(IDLE_SECONDS):
                    data = await anext(received, b"")
            except TimeoutError as error:
                reason = f"nothing of it arrived for {IDLE_SECONDS:.0f} s; nothing was taken"
                raise InvalidField(field="body", reason=reason) from error
            if not data:
                break
            for message in form.feed(data):
                await send(stream, message)
        await send(stream, form.finish())
        await stream.done_writing()


def _line(value: object) -> bytes:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode("utf-8") + b"\n"


def _error(refusal: Refusal, trace: str, clock: Clock) -> bytes:
    """Return the last line of an import that failed once its answer had begun, its status beside it."""
    return _line({"error": {**refusal.body(trace, clock()), "status": refusal.http}})
