"""A real HTTP server whose answers a test writes by hand, and which remembers what it was asked."""

from __future__ import annotations

import contextlib
import json
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

MAX_BODY_BYTES = 1 << 24


@dataclass(frozen=True, slots=True)
class Request:
    """One request as it arrived."""

    method: str
    path: str
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        """The body read as JSON."""
        return json.loads(self.body)


class Answering(BaseHTTPRequestHandler):
    """Gives each request to the test's function."""

    protocol_version = "HTTP/1.1"

    def handle_any(self) -> None:
        """Read the request, remember it, let the test answer."""
        length = int(self.headers.get("Content-Length", 0))
        assert length <= MAX_BODY_BYTES
        headers = {name.lower(): value for name, value in self.headers.items()}
        request = Request(self.command, self.path, headers, self.rfile.read(length))
        server = self.server
        assert isinstance(server, _Server)
        server.requests.append(request)
        with contextlib.suppress(BrokenPipeError, ConnectionResetError):
            server.answer(self, request)

    do_GET = do_POST = do_PUT = do_DELETE = do_HEAD = handle_any  # noqa: N815 - the names that the base class wants

    def give(self, status: int, body: bytes, **headers: str) -> None:
        """Answer with a body; `Content_Type` and the like become header names."""
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def give_json(self, document: Any, status: int = 200) -> None:
        """Answer with JSON."""
        self.give(status, json.dumps(document).encode(), Content_Type="application/json")

    def give_up(self, status: int, code: str) -> None:
        """Answer with an error body of the suite."""
        body = {
            "code": code,
            "message": "It went wrong.",
            "cure": "Do better.",
            "details": [],
            "traceId": "t1",
        }
        self.give_json(body, status)

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the name of the base class
        """Stay silent."""


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self, answer: Callable[[Answering, Request], None]) -> None:
        super().__init__(("127.0.0.1", 0), Answering)
        self.answer = answer
        self.requests: list[Request] = []


@dataclass(frozen=True, slots=True)
class Answers:
    """A running server."""

    url: str
    requests: list[Request] = field(default_factory=list)


@contextlib.contextmanager
def answering(answer: Callable[[Answering, Request], None]) -> Iterator[Answers]:
    """Serve `answer` on a free port."""
    with _Server(answer) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield Answers(f"http://127.0.0.1:{server.server_address[1]}", server.requests)
        finally:
            server.shutdown()
            thread.join()
