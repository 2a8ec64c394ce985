"""The server's guard: who calls, may they, is the request valid; one line and one answer for each call."""

from __future__ import annotations

import contextlib
import contextvars
import logging
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from typing import Any

import grpc
import protovalidate
from google.protobuf.message import Message
from grpc_status import rpc_status
from opentelemetry.trace import SpanKind

from libs.common import trace
from libs.common.errors import (
    DeadlineExceeded,
    ExportError,
    Internal,
    InvalidField,
    PermissionDenied,
    Unauthenticated,
    Unimplemented,
)
from libs.common.log import note, unit_of_work
from libs.common.metrics import RpcMetrics
from libs.common.rpc.access import REQUIRED, UNGUARDED
from libs.common.rpc.status import to_status
from libs.common.rpc.tokens import Caller, TokenVerifier

AUTHORIZATION = "authorization"
TENANT_HEADER = "x-stella-tenant"
CANCELLED = "CANCELLED"

_log = logging.getLogger(__name__)
_caller: contextvars.ContextVar[Caller] = contextvars.ContextVar("caller")


def current_caller() -> Caller:
    """Return who calls the RPC that is being served."""
    return _caller.get()


def check(request: Message) -> None:
    """Raise `InvalidField` for the first rule of the contract that the request breaks.

    One rule is that of every text: it holds no NUL, which no database of ours can store.
    """
    if field := _field_with_nul(request):
        raise InvalidField(field=field, reason="it holds a NUL character; leave it out")
    violations = protovalidate.collect_violations(request)
    if violations:
        first = violations[0].proto
        raise InvalidField(field=_path(first), reason=first.message or f"it breaks rule {first.rule_id}")


def _field_with_nul(message: Message) -> str:
    """Return the path of the first text with a NUL, or an empty string."""
    for field, value in message.ListFields():
        for index, item in enumerate(value if field.is_repeated else (value,)):
            where = f"{field.name}[{index}]" if field.is_repeated else field.name
            if isinstance(item, str) and "\0" in item:
                return where
            if isinstance(item, Message) and (inner := _field_with_nul(item)):
                return f"{where}.{inner}"
    return ""


def _path(violation: Any) -> str:
    parts: list[str] = []
    for element in violation.field.elements:
        subscript = element.subscript
        suffix = "" if subscript is None else f"[{subscript.value}]"
        parts.append(f"{element.field_name}{suffix}")
    return ".".join(parts) or "request"


class Guard(grpc.aio.ServerInterceptor):  # type: ignore[type-arg] # generic in the stubs alone
    """Wraps every handler: token, tenant and scope first, then the contract's rules, then the handler.

    A method that has no row in `access.REQUIRED` is refused. Errors of the catalogue become their status;
    anything else is logged and answered as `ERR_EXPORT_INTERNAL` without a detail. Health and reflection are
    asked every few seconds and say nothing: they are neither guarded nor logged.
    """

    def __init__(self, verifier: TokenVerifier, metrics: RpcMetrics) -> None:
        self._verifier = verifier
        self._metrics = metrics

    async def intercept_service(
        self,
        continuation: Callable[[grpc.HandlerCallDetails], Awaitable[grpc.RpcMethodHandler[Any, Any]]],
        handler_call_details: grpc.HandlerCallDetails,
    ) -> grpc.RpcMethodHandler[Any, Any]:
        """Return the handler of the method, guarded."""
        method = handler_call_details.method
        handler = await continuation(handler_call_details)
        if handler is None or method in UNGUARDED:
            return handler
        metadata = dict(handler_call_details.invocation_metadata or ())
        return _guarded(handler, _Call(method, metadata, self._verifier, self._metrics))


class _Call:
    """One call: what is known of it before its request arrives, and the unit of work that it is."""

    def __init__(
        self, method: str, metadata: dict[str, Any], verifier: TokenVerifier, metrics: RpcMetrics
    ) -> None:
        self.method = method
        self._metadata = metadata
        self._verifier = verifier
        self._metrics = metrics
        self._caller: Caller | Exception = Unauthenticated(reason="nobody has looked at it yet")

    @contextlib.contextmanager
    def unit(self) -> Iterator[None]:
        """Let what happens within be this call's work: a span, a line, a count; raise only what may leave.

        The trace is the caller's where the token holds: others could mix their calls into anybody's trace.
        """
        start, code = time.perf_counter(), CANCELLED
        name, self._caller = self.method.lstrip("/"), self._identify()
        is_known = isinstance(self._caller, Caller)
        parent = str(self._metadata.get(trace.TRACE_HEADER, "")) if is_known else ""
        with trace.span(name, SpanKind.SERVER, parent=parent), unit_of_work(_log, "call", method=name):
            try:
                yield
                code = grpc.StatusCode.OK.name
            except Exception as error:
                refusal = self._explain(error)
                code = refusal.status
                raise refusal from error
            finally:
                note(code=code)
                self._metrics.served(name, code, time.perf_counter() - start)

    def admit(self) -> None:
        """Set the caller of this call, or raise."""
        caller = self._caller
        if not isinstance(caller, Caller):
            raise caller
        note(tenant=caller.tenant)
        scope = REQUIRED.get(self.method)
        if scope is None:
            raise PermissionDenied(scope=f"(none allows {self.method})")
        caller.require(scope)
        _caller.set(caller)

    def _identify(self) -> Caller | Exception:
        """Return who calls, or why that is not known; the latter is raised within the call's own unit."""
        scheme, _, token = str(self._metadata.get(AUTHORIZATION, "")).partition(" ")
        try:
            return self._verifier.verify(
                token if scheme.lower() == "bearer" else "", self._metadata.get(TENANT_HEADER)
            )
        except Exception as error:  # noqa: BLE001 - `admit` raises it, where it is logged and answered
            return error

    def _explain(self, error: Exception) -> ExportError:
        if isinstance(error, ExportError):
            return error
        if isinstance(error, NotImplementedError):
            return Unimplemented(method=self.method)
        if isinstance(error, TimeoutError):
            return DeadlineExceeded(dependency=self.method)
        return Internal(part=self.method.split("/")[1], reason="an unexpected error")


async def _refuse(context: grpc.aio.ServicerContext[Any, Any], error: ExportError, trace_id: str) -> None:
    """Answer with the error's status."""
    status = rpc_status.to_status(to_status(error, trace_id))
    await context.abort(status.code, status.details, status.trailing_metadata)


def _guarded(handler: grpc.RpcMethodHandler[Any, Any], call: _Call) -> grpc.RpcMethodHandler[Any, Any]:
    serializers = {
        "request_deserializer": handler.request_deserializer,
        "response_serializer": handler.response_serializer,
    }
    if handler.unary_unary is not None:
        return grpc.unary_unary_rpc_method_handler(_unary(handler.unary_unary, call), **serializers)
    if handler.unary_stream is not None:
        return grpc.unary_stream_rpc_method_handler(_stream(handler.unary_stream, call), **serializers)
    if handler.stream_stream is not None:
        return grpc.stream_stream_rpc_method_handler(_stream(handler.stream_stream, call), **serializers)
    raise TypeError(f"{call.method}: client streams with one answer are not used in this suite")


def _unary(behaviour: Any, call: _Call) -> Any:
    async def serve(request: Message, context: grpc.aio.ServicerContext[Any, Any]) -> Any:
        trace_id = ""
        try:
            with call.unit():
                trace_id = trace.current_trace()
                call.admit()
                check(request)
                return await behaviour(request, context)
        except ExportError as error:
            await _refuse(context, error, trace_id)

    return serve


def _stream(behaviour: Any, call: _Call) -> Any:
    async def serve(request: Any, context: grpc.aio.ServicerContext[Any, Any]) -> AsyncIterator[Any]:
        trace_id = ""
        try:
            with call.unit():
                trace_id = trace.current_trace()
                call.admit()
                if isinstance(request, Message):
                    check(request)
                else:
                    request = _checked(request)
                async for answer in behaviour(request, context):
                    yield answer
        except ExportError as error:
            await _refuse(context, error, trace_id)

    return serve


async def _checked(requests: AsyncIterator[Message]) -> AsyncIterator[Message]:
    async for request in requests:
        check(request)
        yield request
