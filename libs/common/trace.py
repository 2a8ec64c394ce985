"""The trace that work belongs to: W3C trace context in and out, and spans where an exporter is configured.

Without an exporter no span is made: the caller's context is passed on as it came, and work that nobody asked
for in a trace begins one, so that its log lines and messages still belong together.
"""

from __future__ import annotations

import contextlib
import secrets
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextvars import ContextVar, Token
from dataclasses import dataclass
from urllib.parse import urlsplit

from opentelemetry.context import Context
from opentelemetry.trace import (
    INVALID_SPAN,
    Link,
    NonRecordingSpan,
    Span,
    SpanContext,
    SpanKind,
    StatusCode,
    TraceFlags,
    Tracer,
    format_trace_id,
    get_current_span,
    set_span_in_context,
)
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

from libs.common.settings import BadSetting

TRACE_HEADER = "traceparent"
NAMESPACE = "export-center"
TRACES_PATH = "/v1/traces"
EXPORT_TIMEOUT_SECONDS = 3.0  # a collector that is away must not hold up a service's end
MAX_SPANS = 2048  # that wait for a batch, about a megabyte; more are dropped, and the log says so
EXPORT_PAUSE_SECONDS = 1.0  # between two batches; a crash loses the spans of about this time
TRACEPARENT_CHARACTERS = 55  # version 00; a longer text is of no version that is known
# What a span tells of its unit of work; the log line has more. Names of tenants and runs are no secrets.
DESCRIBED = ("tenant", "run", "stage", "attempt", "outcome", "error_code")

_PROPAGATOR = TraceContextTextMapPropagator()
_NOWHERE = Context()  # never the library's own: what is current here is said below alone
_current: ContextVar[Span] = ContextVar("span", default=INVALID_SPAN)


@dataclass(slots=True)
class _Export:
    """What this process exports with; nothing while there is no exporter."""

    tracer: Tracer | None = None


_export = _Export()


def current_trace() -> str:
    """Return the trace id that the present work belongs to, or an empty string."""
    context = _current.get().get_span_context()
    return format_trace_id(context.trace_id) if context.is_valid else ""


def traceparent() -> str:
    """Return the header that what the present work causes is to carry; empty outside of any."""
    carrier: dict[str, str] = {}
    _PROPAGATOR.inject(carrier, set_span_in_context(_current.get(), _NOWHERE))
    return carrier.get(TRACE_HEADER, "")


def headers() -> dict[str, str]:
    """Return the headers that carry the present trace."""
    header = traceparent()
    return {TRACE_HEADER: header} if header else {}


def is_of_current_trace(header: str) -> bool:
    """Tell whether a traceparent names the trace that the present work belongs to."""
    return _read(header).get_span_context().trace_id == _current.get().get_span_context().trace_id


@contextlib.contextmanager
def span(
    name: str,
    kind: SpanKind = SpanKind.INTERNAL,
    *,
    parent: str | None = None,
    linked: bool = False,
    attributes: Mapping[str, str | int] | None = None,
) -> Iterator[Span]:
    """Let what happens within belong to a span, which is a child of the present one.

    With `parent`, a traceparent from outside, it is that one's child; where the text is not valid, the first
    of a new trace. `linked` links it to the span that was the present one. An error that passes marks it.
    """
    before = _current.get()
    above = before if parent is None else _read(parent)
    links = [Link(before.get_span_context())] if linked and before.get_span_context().is_valid else []
    made = _start(name, kind, above, links, attributes)
    token = _current.set(made)
    try:
        yield made
    except BaseException as error:
        made.set_status(StatusCode.ERROR, type(error).__name__)
        raise
    finally:
        _leave(token)
        made.end()


def start(name: str, kind: SpanKind, attributes: Mapping[str, str | int] | None = None) -> Span:
    """Return a child of the present span that does not become the present one; whoever asks ends it."""
    return _start(name, kind, _current.get(), (), attributes)


def headers_of(made: Span) -> dict[str, str]:
    """Return the headers that make what they go with a child of `made`."""
    carrier: dict[str, str] = {}
    _PROPAGATOR.inject(carrier, set_span_in_context(made, _NOWHERE))
    return carrier


def describe(fields: Mapping[str, object]) -> None:
    """Let the present span tell what its unit of work was."""
    made = _current.get()
    if made.is_recording():
        for name in DESCRIBED:
            value = fields.get(name)
            if isinstance(value, str | int):
                made.set_attribute(f"stella.{name}", value)


def _read(header: str) -> Span:
    """Return the span that a header names; nothing of one that is not valid, or longer, is taken.

    The header of vendors (`tracestate`) is not taken: nothing of ours reads it.
    """
    if len(header) > TRACEPARENT_CHARACTERS:
        return INVALID_SPAN
    return get_current_span(_PROPAGATOR.extract({TRACE_HEADER: header}, _NOWHERE))


def _start(
    name: str,
    kind: SpanKind,
    above: Span,
    links: Sequence[Link],
    attributes: Mapping[str, str | int] | None,
) -> Span:
    if _export.tracer is not None:
        context = set_span_in_context(above, _NOWHERE)
        return _export.tracer.start_span(
            name, context, kind, attributes, links, record_exception=False, set_status_on_exception=False
        )
    return above if above.get_span_context().is_valid else NonRecordingSpan(_new_context())


def _new_context() -> SpanContext:
    # The sampled bit invites services that do have an exporter to use it.
    flags = TraceFlags(TraceFlags.SAMPLED)
    trace_id, span_id = secrets.randbits(128) or 1, secrets.randbits(64) or 1  # 0 is no id
    return SpanContext(trace_id, span_id, is_remote=False, trace_flags=flags)


def _leave(token: Token[Span]) -> None:
    # A stream that its reader leaves is closed in another context; its own has ended with its task.
    with contextlib.suppress(ValueError):
        _current.reset(token)


@contextlib.contextmanager
def exporting(service: str, endpoint: str, setting: str = "EXPORT_OTLP_ENDPOINT") -> Iterator[None]:
    """Export the spans of this process to an OTLP endpoint until the end; an empty one exports nothing."""
    if not endpoint:
        yield
        return
    _export.tracer, close = _open(service, _checked(endpoint, setting))
    try:
        yield
    finally:
        _export.tracer = None
        close()


def _checked(endpoint: str, setting: str) -> str:
    parts = urlsplit(endpoint)
    if parts.scheme not in ("http", "https") or not parts.hostname or parts.username or parts.password:
        reason = f"`{endpoint[:80]}` is not `http://host:port` or `https://host:port` without a password"
        raise BadSetting(name=setting, reason=reason)
    return endpoint.rstrip("/") + TRACES_PATH


def _open(service: str, endpoint: str) -> tuple[Tracer, Callable[[], None]]:
    """Return what makes spans, and what sends the last of them; loaded here, since few processes export."""
    from opentelemetry.exporter.otlp.proto.http.trace_exporter import (  # noqa: PLC0415 - see above
        OTLPSpanExporter,
    )
    from opentelemetry.sdk.resources import Resource  # noqa: PLC0415 - see above
    from opentelemetry.sdk.trace import TracerProvider  # noqa: PLC0415 - see above
    from opentelemetry.sdk.trace.export import BatchSpanProcessor  # noqa: PLC0415 - see above
    from opentelemetry.sdk.trace.sampling import ALWAYS_ON  # noqa: PLC0415 - see above

    # A caller's flag decides nothing here: who wants fewer spans says so at the collector.
    provider = TracerProvider(
        sampler=ALWAYS_ON,
        resource=Resource.create({"service.name": service, "service.namespace": NAMESPACE}),
        shutdown_on_exit=False,
    )
    batches = BatchSpanProcessor(
        OTLPSpanExporter(endpoint, timeout=EXPORT_TIMEOUT_SECONDS),
        max_queue_size=MAX_SPANS,
        max_export_batch_size=MAX_SPANS,
        schedule_delay_millis=EXPORT_PAUSE_SECONDS * 1000,
    )
    provider.add_span_processor(batches)
    return provider.get_tracer(NAMESPACE), provider.shutdown
