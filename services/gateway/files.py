"""Passes downloads through from the distributor's HTTP door: headers both ways, bytes as they come."""

from __future__ import annotations

import re
import ssl
from collections.abc import AsyncGenerator
from urllib.parse import quote

import h11
import httpx
from starlette.types import ASGIApp

from libs.common import trace
from libs.common.bundle.faults import BadPath
from libs.common.bundle.layout import MAX_PATH_CHARACTERS, check_path
from libs.common.descriptors import check_room
from libs.common.errors import NoRoom, NotFound, Unavailable
from libs.common.http.identity import caller_of
from libs.common.http.kernel import takes_transfers
from libs.common.http.router import Call, Route
from libs.common.http.stream import Headers, Stream
from libs.common.rpc.tokens import TokenVerifier
from services.gateway.config import GatewaySettings
from services.gateway.contracts import DOWNLOAD
from services.gateway.relay import Relay, Waits, relayed
from services.gateway.upstreams import metadata_of

CONNECT_SECONDS = 5.0
READ_SECONDS = 60.0  # between two pieces; the distributor reads from a store that answers in milliseconds
MAX_CONNECTIONS = 1000
HTTP_PORT = 80
DEPENDENCY = "the distributor"
WAITS = Waits(CONNECT_SECONDS, READ_SECONDS)
NAMES = ("bundle", "manifest", "provenance", "signatures")

_OF_A_CONNECTION = {"host", "connection"}
_TO_DISTRIBUTOR = ("range", "if-range", "if-match", "if-none-match")
_FROM_DISTRIBUTOR = (
    "content-type",
    "content-length",
    "content-range",
    "content-disposition",
    "etag",
    "accept-ranges",
    "repr-digest",
    "content-digest",
    "digest",
    "cache-control",
    "vary",
    "allow",
    "retry-after",
    "x-stella-immutability",
)


def open_client(settings: GatewaySettings) -> httpx.AsyncClient:
    """Return the client of the distributor's door; over TLS it shows the gateway's own certificate."""
    verify: ssl.SSLContext | bool = True
    if settings.tls_certificate_file:
        verify = ssl.create_default_context(cafile=settings.tls_authority_file)
        verify.load_cert_chain(settings.tls_certificate_file, settings.tls_key_file)
    return httpx.AsyncClient(
        base_url=settings.distributor_http,
        verify=verify,
        timeout=httpx.Timeout(READ_SECONDS, connect=CONNECT_SECONDS),
        limits=httpx.Limits(max_connections=MAX_CONNECTIONS),
        trust_env=False,  # the way to the distributor is a setting, not a matter of the environment
        follow_redirects=False,
    )


class Files:
    """The routes of a run's files."""

    def __init__(self, verifier: TokenVerifier, client: httpx.AsyncClient) -> None:
        """Take who checks tokens and the way to the distributor."""
        self._verifier = verifier
        self._client = client
        self._relayed = 0  # downloads that go from socket to socket at present

    def routes(self) -> list[Route]:
        """Return the routes."""
        base = r"/api/export/runs/(?P<run>[^/:]+)"
        shown = "/api/export/runs/{run}"
        named = [
            Route("GET", re.compile(f"{base}/(?P<name>{name})"), f"{shown}/{name}", self._named)
            for name in NAMES
        ]
        pattern = re.compile(f"{base}/files/(?P<path>.+)")
        return [*named, Route("GET", pattern, f"{shown}/files/{{path}}", self._file)]

    async def _named(self, call: Call) -> ASGIApp:
        return await self._pass(call, call.variables["name"])

    async def _file(self, call: Call) -> ASGIApp:
        path = call.variables["path"]
        try:
            check_path(path)
        except BadPath as error:
            raise NotFound(resource="file of the bundle", name=path[:MAX_PATH_CHARACTERS]) from error
        return await self._pass(call, f"files/{path}")

    async def _pass(self, call: Call, rest: str) -> ASGIApp:
        tenant = caller_of(call.request, self._verifier, DOWNLOAD).tenant
        call.fields.update(tenant=tenant, run=call.variables["run"])
        check_room("the gateway")
        headers = {**dict(metadata_of(call, tenant)), **trace.headers(), "accept-encoding": "identity"}
        for name in _TO_DISTRIBUTOR:
            if name in call.request.headers:
                headers[name] = call.request.headers[name]
        url = f"/runs/{quote(call.variables['run'], safe='')}/{rest}"
        request = self._client.build_request(call.request.method, url, headers=headers)
        if request.method == "GET" and request.url.scheme == "http" and takes_transfers(call.request.scope):
            return await self._relay(request)
        try:
            response = await self._client.send(request, stream=True)
        except httpx.HTTPError as error:
            raise _away(error) from error
        found = {name: response.headers[name] for name in _FROM_DISTRIBUTOR if name in response.headers}
        if call.request.method == "HEAD":
            await response.aclose()
            return Headers(response.status_code, found)
        return Stream(_pieces(response), response.status_code, found, cleanup=response.aclose)

    async def _relay(self, request: httpx.Request) -> ASGIApp:
        """Answer from socket to socket, where neither side speaks TLS."""
        if self._relayed >= MAX_CONNECTIONS:
            raise NoRoom(part="the gateway", reason=f"{MAX_CONNECTIONS} are under way")
        self._relayed += 1
        try:
            relay = await self._asked(request)
        except BaseException:
            self._relayed -= 1
            raise

        async def close() -> None:
            self._relayed -= 1
            await relay.close()

        found = {name: relay.headers[name] for name in _FROM_DISTRIBUTOR if name in relay.headers}
        if "transfer-encoding" in relay.headers:
            found.pop("content-length", None)  # which then says nothing: the framing does
        return Stream(relay.body(DEPENDENCY), relay.status, found, cleanup=close)

    async def _asked(self, request: httpx.Request) -> Relay:
        url = request.url
        asked = {name: request.headers[name] for name in request.headers if name not in _OF_A_CONNECTION}
        try:
            return await relayed(
                (url.host, url.port or HTTP_PORT), WAITS, request.method, url.raw_path.decode("ascii"), asked
            )
        except (OSError, h11.ProtocolError) as error:
            raise _away(error) from error


async def _pieces(response: httpx.Response) -> AsyncGenerator[bytes, None]:
    try:
        async for piece in response.aiter_raw():
            yield piece
    except httpx.HTTPError as error:
        raise _away(error) from error


def _away(error: Exception) -> Unavailable:
    return Unavailable(dependency=DEPENDENCY, reason=(str(error) or type(error).__name__)[:200])
