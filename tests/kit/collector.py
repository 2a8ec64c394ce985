"""A collector of traces that speaks OTLP over HTTP for real, and keeps every span that it is sent."""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTraceServiceRequest,
    ExportTraceServiceResponse,
)
from opentelemetry.proto.trace.v1.trace_pb2 import Span as WireSpan

PATH = "/v1/traces"
LOOK_SECONDS = 0.1
UNITS = (WireSpan.SPAN_KIND_SERVER, WireSpan.SPAN_KIND_CONSUMER)


@dataclass(frozen=True, slots=True)
class Span:
    """One span as it arrived."""

    service: str
    name: str
    trace: str
    id: str
    parent: str
    is_unit: bool  # a call, a request or a message: what a service writes a line of
    attributes: dict[str, str]
    links: tuple[str, ...]


class Collector(ThreadingHTTPServer):
    """Listens on a port of its own."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self._lock = threading.Lock()
        self._spans: list[Span] = []

    @property
    def endpoint(self) -> str:
        """What a service is to be told."""
        return f"http://127.0.0.1:{self.server_port}"

    def take(self, request: ExportTraceServiceRequest) -> None:
        """Keep what arrived."""
        found = [
            _read(resource.resource.attributes, span)
            for resource in request.resource_spans
            for scope in resource.scope_spans
            for span in scope.spans
        ]
        with self._lock:
            self._spans += found

    def spans(self, trace: str = "") -> list[Span]:
        """Return the spans of a trace, or all."""
        with self._lock:
            return [span for span in self._spans if trace in ("", span.trace)]

    def wait_for(self, trace: str, is_enough: Callable[[list[Span]], bool], seconds: float) -> list[Span]:
        """Return the spans of a trace once there are enough of them."""
        deadline = time.monotonic() + seconds
        while not is_enough(found := self.spans(trace)):
            assert time.monotonic() < deadline, sorted({(span.service, span.name) for span in found})
            time.sleep(LOOK_SECONDS)
        return found


class _Handler(BaseHTTPRequestHandler):
    server: Collector

    def do_POST(self) -> None:
        """Take one batch."""
        body = self.rfile.read(int(self.headers["Content-Length"]))
        assert self.path == PATH
        self.server.take(ExportTraceServiceRequest.FromString(body))
        answer = ExportTraceServiceResponse().SerializeToString()
        self.send_response(200)
        self.send_header("Content-Type", "application/x-protobuf")
        self.send_header("Content-Length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)

    def log_message(self, format: str, *arguments: object) -> None:  # noqa: A002 - the library's name
        """Say nothing."""


def _read(resource: object, span: WireSpan) -> Span:
    return Span(
        _texts(resource).get("service.name", ""),
        span.name,
        span.trace_id.hex(),
        span.span_id.hex(),
        span.parent_span_id.hex(),
        span.kind in UNITS,
        _texts(span.attributes),
        tuple(link.trace_id.hex() for link in span.links),
    )


def _texts(attributes: object) -> dict[str, str]:
    found: dict[str, str] = {}
    for item in attributes:  # type: ignore[attr-defined] # a repeated field
        value = item.value
        found[item.key] = str(getattr(value, value.WhichOneof("value")))
    return found


@contextlib.contextmanager
def running_collector() -> Iterator[Collector]:
    """Run a collector until the end."""
    collector = Collector()
    thread = threading.Thread(target=collector.serve_forever)
    thread.start()
    try:
        yield collector
    finally:
        collector.shutdown()
        thread.join()
        collector.server_close()
