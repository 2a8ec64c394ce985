"""Finds the handler of a request, answers every error in one shape, logs one line for each request.

It is the whole ASGI application of a door: no request goes past it.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import re
import time
from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from opentelemetry.trace import SpanKind
from prometheus_client import REGISTRY, CollectorRegistry
from starlette.requests import ClientDisconnect, Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from libs.common import trace
from libs.common.clock import Clock
from libs.common.errors import ExportError, Internal, MethodNotAllowed, NotFound, TooLarge
from libs.common.http.answers import Refusal, Refused
from libs.common.http.kernel import TRANSFER
from libs.common.log import note_failure, unit_of_work
from libs.common.metrics import METHODS, HttpMetrics

# Twice the largest token; a browser's own headers stay under 4 KiB. The door itself stops reading at 64 KiB.
MAX_HEADER_BYTES = 16 * 1024
MAX_PATH_CHARACTERS = 2048  # the longest path in a bundle is 255; queries hold names and one page token
# Of a body that nobody wants so much is thrown away, so that its sender gets to reading the answer.
LINGER_BYTES = 64 * 1024 * 1024
LINGER_SECONDS = 10.0
_SHOWN_CHARACTERS = 120  # so much of a hostile path stands in an error
_SERVER_ERROR = 500
_NO_ROUTE = "none"  # names in logs and metrics whatever no route takes

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Call:
    """One request on its way: what the path's variables hold, its trace id, and fields for its log line."""

    request: Request
    variables: Mapping[str, str]
    trace: str
    fields: dict[str, Any] = field(default_factory=dict)


Handler = Callable[[Call], Awaitable[ASGIApp]]


@dataclass(frozen=True, slots=True)
class Route:
    """A method and the paths it is for; GET answers HEAD as well. `label` names the route in logs."""

    method: str
    pattern: re.Pattern[str]
    label: str
    handler: Handler
    quiet: bool = False  # probes come every few seconds and say nothing in a log

    def takes(self, method: str) -> bool:
        """Say whether the route answers `method`."""
        return method == self.method or (method == "HEAD" and self.method == "GET")


class Router:
    """An ASGI application over routes; the first that matches is taken."""

    def __init__(
        self,
        routes: Iterable[Route],
        clock: Clock,
        registry: CollectorRegistry = REGISTRY,
        answered: Callable[[int, int], None] | None = None,
        is_known: Callable[[Request], bool] | None = None,
    ) -> None:
        """Take the routes in order; `answered` is told status and bytes of each answer.

        `is_known` says who may choose the trace that a request belongs to: nobody where it is not given.
        """
        self._is_known = is_known
        self._answered = answered
        self._routes = tuple(routes)
        self._clock = clock
        self._metrics = HttpMetrics(registry)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        receive = receiving = _Receiving(receive, scope)
        request = Request(scope, receive)
        sending = _Sending(send, receiving)
        start = time.perf_counter()
        route, answer = self._answering(request, receive, sending)
        label = _NO_ROUTE if route is None else route.label
        method = request.method if request.method in METHODS else "other"
        parent = self._trace_of(request)
        with trace.span(f"{method} {label}", SpanKind.SERVER, parent=parent) as made:
            if route is not None and route.quiet:
                await answer({})
                return
            with unit_of_work(_log, "request", method=method, route=label) as line:
                try:
                    await answer(line)
                finally:
                    line.update(status=sending.status, bytes=sending.size)
                    made.set_attribute("http.response.status_code", sending.status)
                    self._metrics.answered(method, label, sending.status, time.perf_counter() - start)
                    if self._answered is not None:
                        self._answered(sending.status, sending.size)
                if sending.status >= _SERVER_ERROR or not sending.complete:
                    line["outcome"] = "error"

    def _trace_of(self, request: Request) -> str:
        """Return the traceparent of a known caller: others could mix their requests into anybody's trace."""
        header = request.headers.get(trace.TRACE_HEADER, "")
        return header if header and self._is_known is not None and self._is_known(request) else ""

    def _answering(
        self, request: Request, receive: Receive, sending: _Sending
    ) -> tuple[Route | None, Callable[[dict[str, Any]], Awaitable[None]]]:
        """Return the route of a request, if there is one, and what answers it, with fields for its line."""
        try:
            route, variables = self._find(request)
        except (ExportError, Refused) as error:
            refused = error if isinstance(error, Refused) else Refused(Refusal.of(error), _allow(error))
            code = refused.refusal.code

            async def refuse(fields: dict[str, Any]) -> None:
                fields["error_code"] = code
                await self._refuse(refused, request.scope, receive, sending)

            return None, refuse

        async def answer(fields: dict[str, Any]) -> None:
            call = Call(request, variables, trace.current_trace(), fields)
            await self._answer(route, call, receive, sending)

        return route, answer

    def _find(self, request: Request) -> tuple[Route, Mapping[str, str]]:
        if sum(len(name) + len(value) for name, value in request.headers.raw) > MAX_HEADER_BYTES:
            raise TooLarge(what="The header of the request", limit=f"{MAX_HEADER_BYTES} bytes")
        path = request.scope["path"]
        if len(path) + len(request.scope["query_string"]) > MAX_PATH_CHARACTERS:
            raise TooLarge(what="The URL of the request", limit=f"{MAX_PATH_CHARACTERS} characters")
        others: set[str] = set()
        for route in self._routes:
            found = route.pattern.fullmatch(path)
            if found is None:
                continue
            if route.takes(request.method):
                return route, found.groupdict()
            others.add(route.method)
        if others:
            allowed = ", ".join(sorted(others | ({"HEAD"} if "GET" in others else set())))
            raise MethodNotAllowed(path=path[:_SHOWN_CHARACTERS], method=request.method, allowed=allowed)
        raise Refused(
            Refusal(
                http=NotFound.http,
                code=NotFound.code,
                message=f"There is no route `{path[:_SHOWN_CHARACTERS]}`.",
                cure="Check the path; the gateway lists what there is at `/.well-known/openapi`.",
            )
        )

    async def _answer(self, route: Route, call: Call, receive: Receive, sending: _Sending) -> None:
        scope = call.request.scope
        try:
            response = await route.handler(call)
            await response(scope, receive, sending)
        except ClientDisconnect:
            call.fields["disconnected"] = True
        except Refused as refused:
            call.fields["error_code"] = refused.refusal.code
            await self._refuse(refused, scope, receive, sending)
        except ExportError as error:
            call.fields["error_code"] = error.code
            await self._refuse(Refused(Refusal.of(error)), scope, receive, sending)
        except Exception as error:  # noqa: BLE001 - one answer for every error
            note_failure(error)
            fault = Internal(part=route.label, reason="an unexpected error")
            await self._refuse(Refused(Refusal.of(fault)), scope, receive, sending)

    async def _refuse(self, refused: Refused, scope: Scope, receive: Receive, sending: _Sending) -> None:
        """Answer the error; where the answer has begun, the connection ends without its end instead."""
        if not sending.status:
            trace_id = trace.current_trace()
            response = refused.refusal.response(trace_id, self._clock(), refused.headers)
            await response(scope, receive, sending)


class _Receiving:
    """Receives, and knows whether a part of the request is still to come."""

    __slots__ = ("_receive", "ended")

    def __init__(self, receive: Receive, scope: Scope) -> None:
        self._receive = receive
        headers = dict(scope["headers"])
        self.ended = b"transfer-encoding" not in headers and headers.get(b"content-length", b"0") == b"0"

    async def __call__(self) -> Message:
        message = await self._receive()
        self.ended = message["type"] != "http.request" or not message.get("more_body", False)
        return message

    async def pass_over(self) -> None:
        """Throw away what still comes, within limits."""
        passed = 0
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(LINGER_SECONDS):
                while not self.ended and passed < LINGER_BYTES:
                    passed += len((await self()).get("body", b""))


class _Sending:
    """Sends on, counts, and gives every answer the headers that all have.

    An answer to a request that is still arriving closes the connection, once its sender had time to read it.
    """

    __slots__ = ("_receiving", "_send", "complete", "size", "status")

    def __init__(self, send: Send, receiving: _Receiving) -> None:
        self._send = send
        self._receiving = receiving
        self.status = 0
        self.size = 0
        self.complete = False

    async def __call__(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.status = message["status"]
            message = {**message, "headers": self._headers(message)}
        elif message["type"] == "http.response.body":
            self.complete = not message.get("more_body", False)
            if self.complete and not self._receiving.ended:
                await self._send({**message, "more_body": True})
                self._count(len(message.get("body", b"")))
                await self._receiving.pass_over()
                message = {"type": "http.response.body", "body": b"", "more_body": False}
        elif message["type"] == TRANSFER:
            message = {**message, "moved": self._count}
        await self._send(message)
        self._count(len(message.get("body", b"")))

    def _count(self, sent: int) -> None:
        self.size += sent

    def _headers(self, message: Message) -> list[tuple[bytes, bytes]]:
        headers = [*message.get("headers", ()), (b"x-content-type-options", b"nosniff")]
        if not any(name.lower() == b"cache-control" for name, _ in headers):
            headers.append((b"cache-control", b"no-store"))
        if not self._receiving.ended:
            headers.append((b"connection", b"close"))
        return headers


def _allow(error: ExportError) -> dict[str, str]:
    return {"Allow": error.details["allowed"]} if isinstance(error, MethodNotAllowed) else {}
