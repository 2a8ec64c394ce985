"""Calls the suite over REST; what the server refuses becomes a failure with its own code and cure."""

from __future__ import annotations

import contextlib
import errno
import ipaddress
import json
import socket
import uuid
from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import quote, urlsplit

import httpx

from cli.stella import tracing
from cli.stella.context import Connection, read_token
from cli.stella.exit_codes import ExitCode, of_status
from cli.stella.failures import Code, CommandFailed, wrong_usage
from cli.stella.version import VERSION

CONNECT_SECONDS = 5.0
ANSWER_SECONDS = 60.0
PAGE_SIZE = 1000  # the most that a server gives at once
MAX_PAGES = 10_000  # ten million entries: a server that never ends a list is at fault
MAX_ERROR_BYTES = 64 * 1024  # an error is a sentence; what is longer is none of ours
_NO_WAY = {
    errno.ENETUNREACH: "this machine has no network",
    errno.ENETDOWN: "this machine's network is down",
    errno.EHOSTUNREACH: "there is no route to it",
    errno.EACCES: "a rule of this machine forbids it",
    errno.EPERM: "a rule of this machine forbids it",
}

Json = dict[str, Any]
Query = Mapping[str, str | int | bool]


class Api:
    """One server, one tenant, one token."""

    def __init__(self, connection: Connection) -> None:
        self.connection = connection
        headers = {"User-Agent": f"stella/{VERSION}", "Accept": "application/json"}
        headers[tracing.HEADER] = tracing.traceparent()
        if token := read_token(connection):
            headers["Authorization"] = f"Bearer {token}"
        if connection.tenant.value:
            headers["X-Stella-Tenant"] = connection.tenant.value
        base = check_server(connection.server.value)
        self._client = httpx.Client(
            base_url=base,
            headers=headers,
            timeout=httpx.Timeout(ANSWER_SECONDS, connect=CONNECT_SECONDS),
            follow_redirects=False,  # a token goes where the user said, nowhere else
            trust_env=not is_loopback(base),  # a proxy does not reach this machine's own door
        )

    def close(self) -> None:
        """Let go of connections."""
        self._client.close()

    def get(self, path: str, query: Query | None = None) -> Json:
        """Return what is at `path`."""
        return self._call("GET", path, query, None, {})

    def delete(self, path: str, query: Query | None = None) -> Json:
        """Delete what is at `path`."""
        return self._call("DELETE", path, query, None, {})

    def write(
        self,
        method: str,
        path: str,
        body: Json,
        *,
        query: Query | None = None,
        key: str = "",
        etag: str = "",
    ) -> Json:
        """Send a change; it has an idempotency key, so that a repetition changes nothing more."""
        headers = {"Idempotency-Key": key or str(uuid.uuid4())}
        if etag:
            headers["If-Match"] = f'"{etag}"'
        return self._call(method, path, query, body, headers)

    def pages(self, path: str, member: str, query: Query | None = None, limit: int = 0) -> Json:
        """Return a list with all its pages joined; `limit` 0 means all of them."""
        joined: list[Any] = []
        token = ""
        for _ in range(MAX_PAGES):
            wanted = min(PAGE_SIZE, limit - len(joined)) if limit else PAGE_SIZE
            page = self.get(
                path, {**(query or {}), "pageSize": wanted, **({"pageToken": token} if token else {})}
            )
            joined += page.get(member, [])
            token = str(page.get("nextPageToken", ""))
            if not token or (limit and len(joined) >= limit):
                break
        return {member: joined}

    @contextlib.contextmanager
    def stream(
        self,
        method: str,
        path: str,
        *,
        headers: Mapping[str, str] | None = None,
        content: Iterator[bytes] | None = None,
        read_seconds: float = ANSWER_SECONDS,
        accept: tuple[int, ...] = (200,),
    ) -> Iterator[httpx.Response]:
        """Open an answer that is read piece by piece; a status that is not in `accept` is a failure."""
        timeout = httpx.Timeout(read_seconds, connect=CONNECT_SECONDS)
        request = self._client.build_request(method, path, headers=headers, content=content, timeout=timeout)
        try:
            response = self._client.send(request, stream=True)
        except httpx.HTTPError as error:
            raise self._unreachable(error) from error
        try:
            if response.status_code not in accept:
                raise _refused(response.status_code, _limited(response))
            yield response
        except httpx.HTTPError as error:
            raise self._unreachable(error) from error
        finally:
            response.close()

    def _call(
        self, method: str, path: str, query: Query | None, body: Json | None, headers: Mapping[str, str]
    ) -> Json:
        parameters = {
            key: str(value).lower() if isinstance(value, bool) else value
            for key, value in (query or {}).items()
        }
        try:
            response = self._client.request(method, path, params=parameters, json=body, headers=headers)
        except httpx.HTTPError as error:
            raise self._unreachable(error) from error
        if not response.is_success:
            raise _refused(response.status_code, response.content)
        return _object(response.content)

    def _unreachable(self, error: httpx.HTTPError) -> CommandFailed:
        server = self.connection.server
        local = is_loopback(server.value)
        if why := _no_way(error):
            return CommandFailed(
                ExitCode.OFFLINE,
                Code.OFFLINE,
                f"There is no way to the server at {server.value} ({server.origin}): {why}",
                "Check the address (`stella context show`), the network and its rules.",
            )
        return CommandFailed(
            ExitCode.TRY_LATER,
            Code.UNREACHABLE,
            f"The server at {server.value} ({server.origin}) does not answer: {_why(error)}",
            "Start it here with `stella up`, or name another with --server or `stella context use`."
            if local
            else "Check the address (`stella context show`) and the network, then try again.",
        )


def is_loopback(url: str) -> bool:
    """Say whether a URL leads to this machine."""
    host = urlsplit(url).hostname or ""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def segment(text: str) -> str:
    """Return a name as one segment of a path; a full resource name stands for its last part."""
    last = text.rpartition("/")[2]
    if not last or last in (".", ".."):
        raise wrong_usage(f"`{text}` is no name.", "Give a name as a list shows it.")
    return quote(last, safe="")


def failure_of(document: Any, status: int) -> CommandFailed | None:
    """Return the failure in an error body, or None where it is none of ours."""
    if not isinstance(document, dict) or not isinstance(document.get("code"), str):
        return None
    listed = document.get("details")
    details = [item for item in listed if isinstance(item, dict)] if isinstance(listed, list) else []
    return CommandFailed(
        of_status(status),
        document["code"],
        str(document.get("message", "")) or "The server gives no sentence",
        str(document.get("cure", "")),
        details=[{key: str(value) for key, value in item.items()} for item in details],
        trace_id=str(document.get("traceId", "")),
    )


def check_server(server: str) -> str:
    """Return an address, or refuse what is none."""
    parts = urlsplit(server)
    if parts.scheme not in ("http", "https") or not parts.hostname or parts.username or parts.password:
        raise wrong_usage(
            f"`{server}` is no address of a server.",
            "Write `https://host` or `http://127.0.0.1:port`, without user and password.",
        )
    return server


def _refused(status: int, raw: bytes) -> CommandFailed:
    try:
        found = failure_of(json.loads(raw), status)
    except ValueError:
        found = None
    if found is not None:
        return found
    return CommandFailed(
        of_status(status),
        Code.ANSWER,
        f"The server answers with status {status} and nothing that this program understands",
        "Check that the address is that of an Export Center gateway: `stella context show`.",
    )


def _limited(response: httpx.Response) -> bytes:
    taken = bytearray()
    try:
        for chunk in response.iter_bytes():
            taken += chunk
            if len(taken) > MAX_ERROR_BYTES:
                break
    except httpx.HTTPError:
        return b""  # the status alone still says enough
    return bytes(taken)


def _object(raw: bytes) -> Json:
    if not raw.strip():
        return {}
    try:
        document = json.loads(raw)
    except ValueError:
        document = None
    if not isinstance(document, dict):
        raise CommandFailed(
            ExitCode.UNEXPECTED,
            Code.ANSWER,
            "The server's answer is not a JSON object",
            "Check that the address is that of an Export Center gateway: `stella context show`.",
        )
    return document


def _no_way(error: httpx.HTTPError) -> str:
    """Return why no packet can reach the server, or nothing where one may and only the answer is missing."""
    if isinstance(error, httpx.ProxyError):
        return f"the proxy refuses ({error})"
    if not isinstance(error, httpx.ConnectError):
        return ""
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, socket.gaierror):
            return "its name leads nowhere"
        if isinstance(cause, OSError) and cause.errno in _NO_WAY:
            return _NO_WAY[cause.errno]
        cause = cause.__cause__ or cause.__context__
    return ""


def _why(error: httpx.HTTPError) -> str:
    if isinstance(error, httpx.TimeoutException):
        return "it took too long"
    if isinstance(error, httpx.ConnectError):
        return "no connection"
    return str(error) or type(error).__name__
