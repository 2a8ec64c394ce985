"""An HTTP door through a real socket: routes, errors, limits, streams, a clean end."""

from __future__ import annotations

import asyncio
import json
import os
import re
import resource
import socket
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

import httpx
import pytest
from prometheus_client import REGISTRY
from starlette.types import ASGIApp

from libs.common.errors import RunNotFound
from libs.common.http.answers import json_response
from libs.common.http.door import HttpDoor
from libs.common.http.kernel import FileRange, Transfer
from libs.common.http.router import Call, Route, Router
from libs.common.http.stream import Stream
from libs.common.settings import BadSetting
from tests.kit.log_lines import lines_of


def clock() -> datetime:
    return datetime(2026, 1, 1, tzinfo=UTC)


@dataclass
class Shop:
    """Handlers that tests look into."""

    sent: int = 0
    cleaned: asyncio.Event = field(default_factory=asyncio.Event)
    released: asyncio.Event = field(default_factory=asyncio.Event)

    async def echo(self, call: Call) -> ASGIApp:
        return json_response({"trace": call.trace, **call.variables})

    async def taken(self, call: Call) -> ASGIApp:
        return json_response({"bytes": len(await call.request.body())})

    async def missing(self, call: Call) -> ASGIApp:
        raise RunNotFound(name=call.variables["name"])

    async def broken(self, _: Call) -> ASGIApp:
        raise KeyError("secret detail")

    async def clean(self) -> None:
        self.cleaned.set()

    async def endless(self, _: Call) -> ASGIApp:
        async def chunks() -> AsyncGenerator[bytes, None]:
            while True:
                self.sent += 1
                yield bytes(1 << 20)

        return Stream(chunks(), 200, {}, cleanup=self.clean)

    async def failing(self, _: Call) -> ASGIApp:
        async def chunks() -> AsyncGenerator[bytes, None]:
            yield b"begun"
            raise RunNotFound(name="x")

        return Stream(chunks(), 200, {"Content-Length": "100"}, cleanup=self.clean)

    async def waiting(self, _: Call) -> ASGIApp:
        async def chunks() -> AsyncGenerator[bytes, None]:
            yield b"first "
            await self.released.wait()
            yield b"last"

        return Stream(chunks(), 200, {})

    def routes(self) -> list[Route]:
        return [
            Route("GET", re.compile("/echo/(?P<name>[^/]+)"), "/echo/{name}", self.echo),
            Route("GET", re.compile("/missing/(?P<name>[^/]+)"), "/missing/{name}", self.missing),
            Route("POST", re.compile("/missing/(?P<name>[^/]+)"), "/missing/{name}", self.missing),
            Route("POST", re.compile("/taken"), "/taken", self.taken),
            Route("GET", re.compile("/broken"), "/broken", self.broken),
            Route("GET", re.compile("/endless"), "/endless", self.endless),
            Route("GET", re.compile("/failing"), "/failing", self.failing),
            Route("GET", re.compile("/waiting"), "/waiting", self.waiting),
        ]


@asynccontextmanager
async def opened(shop: Shop) -> AsyncIterator[tuple[HttpDoor, httpx.AsyncClient]]:
    router = Router(shop.routes(), clock, is_known=lambda request: "authorization" in request.headers)
    door = HttpDoor(router, "127.0.0.1:0")
    address = await door.start()
    async with httpx.AsyncClient(base_url=f"http://{address}") as client:
        yield door, client
    await door.stop()


@pytest.fixture
def shop() -> Shop:
    return Shop()


@pytest.fixture
async def client(shop: Shop) -> AsyncIterator[httpx.AsyncClient]:
    async with opened(shop) as (_, client):
        yield client


async def test_a_request_keeps_its_trace_or_gets_one(client: httpx.AsyncClient) -> None:
    trace = "4bf92f3577b34da6a3ce929d0e0e4736"
    headers = {"traceparent": f"00-{trace}-00f067aa0ba902b7-01", "authorization": "Bearer known"}
    assert (await client.get("/echo/x", headers=headers)).json() == {"trace": trace, "name": "x"}
    del headers["authorization"]
    assert (await client.get("/echo/x", headers=headers)).json()["trace"] != trace
    for odd in ("", "00-XYZ-1-01", f"00-{'A' * 32}-1-01"):
        made = (await client.get("/echo/x", headers={"traceparent": odd})).json()["trace"]
        assert len(made) == 32
        assert made != trace


async def test_a_path_that_is_not_there_has_the_shape_of_all_errors(client: httpx.AsyncClient) -> None:
    answer = await client.get("/nothing/here")
    assert answer.status_code == 404
    assert answer.json()["code"] == "ERR_EXPORT_NOT_FOUND"
    assert answer.json()["message"] == "There is no route `/nothing/here`."
    assert answer.json()["timestamp"] == "2026-01-01T00:00:00.000Z"


async def test_a_method_that_a_path_does_not_take_is_told_those_that_it_takes(
    client: httpx.AsyncClient,
) -> None:
    answer = await client.delete("/missing/x")
    assert (answer.status_code, answer.headers["allow"]) == (405, "GET, HEAD, POST")
    assert answer.json()["code"] == "ERR_EXPORT_METHOD"


async def test_an_error_of_the_catalogue_keeps_its_status(client: httpx.AsyncClient) -> None:
    answer = await client.get("/missing/x")
    assert (answer.status_code, answer.json()["code"]) == (404, "ERR_EXPORT_RUN_NOT_FOUND")


async def test_an_unexpected_error_tells_nothing_of_its_inside(client: httpx.AsyncClient) -> None:
    answer = await client.get("/broken")
    assert (answer.status_code, answer.json()["code"]) == (500, "ERR_EXPORT_INTERNAL")
    assert "secret" not in answer.text


async def test_no_answer_is_sniffed_or_kept_by_default(client: httpx.AsyncClient) -> None:
    answer = await client.get("/echo/x")
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert answer.headers["cache-control"] == "no-store"


@pytest.mark.parametrize(
    ("path", "headers"), [("/echo/x", {"x-filler": "a" * 17_000}), ("/echo/" + "x" * 3000, {})]
)
async def test_headers_and_paths_are_bounded(
    client: httpx.AsyncClient, path: str, headers: dict[str, str]
) -> None:
    answer = await client.get(path, headers=headers)
    assert (answer.status_code, answer.json()["code"]) == (413, "ERR_EXPORT_TOO_LARGE")


async def test_a_header_without_an_end_is_cut_off(client: httpx.AsyncClient) -> None:
    host, port = client.base_url.host, client.base_url.port
    reader, writer = await asyncio.open_connection(host, port)
    writer.write(b"GET / HTTP/1.1\r\nhost: x\r\nx-filler: " + b"a" * 200_000)
    assert (await asyncio.wait_for(reader.readline(), 30)).startswith(b"HTTP/1.1 413")
    writer.close()


async def test_what_is_no_http_is_answered_in_the_shape_of_all_errors(client: httpx.AsyncClient) -> None:
    reader, writer = await asyncio.open_connection(client.base_url.host, client.base_url.port)
    writer.write(b"\x16\x03\x01 hello\r\n\r\n")
    answer = await asyncio.wait_for(reader.read(), 30)
    head, _, body = answer.partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 400")
    assert json.loads(body)["message"] == "Field `request` is not valid: it is not HTTP/1.1."
    writer.close()


async def test_a_body_that_nobody_wants_does_not_go_on_for_ever(client: httpx.AsyncClient) -> None:
    async def endless() -> AsyncIterator[bytes]:
        while True:
            yield bytes(65536)

    try:
        answer = await asyncio.wait_for(client.post("/missing/x", content=endless()), 30)
    except httpx.TransportError:
        return  # the door closed while the client was writing
    assert (answer.status_code, answer.headers["connection"]) == (404, "close")


async def test_who_sends_a_large_body_for_nothing_still_reads_why(client: httpx.AsyncClient) -> None:
    answer = await client.post("/missing/x", content=bytes(20 << 20))
    assert (answer.status_code, answer.json()["code"]) == (404, "ERR_EXPORT_RUN_NOT_FOUND")


async def test_a_body_that_was_read_keeps_the_connection(client: httpx.AsyncClient) -> None:
    answer = await client.post("/taken", content=b"abc")
    assert (answer.text, "connection" in answer.headers) == ('{"bytes":3}', False)


async def test_small_packets_are_not_held_back(client: httpx.AsyncClient) -> None:
    begin = asyncio.get_running_loop().time()
    for _ in range(20):
        await client.get("/echo/x")
    # Held back, each answer would wait 40 ms for an acknowledgement of its header.
    assert asyncio.get_running_loop().time() - begin < 0.6


async def test_nothing_is_made_for_a_client_that_does_not_take_it(
    client: httpx.AsyncClient, shop: Shop
) -> None:
    host, port = client.base_url.host, client.base_url.port
    reader, writer = await asyncio.open_connection(host, port, limit=4096)
    writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    writer.write(b"GET /endless HTTP/1.1\r\nhost: x\r\n\r\n")
    await reader.readline()
    # Whatever the buffers of this system hold, they fill up, and then the generator is not asked any more.
    before = -1
    while shop.sent != before:
        before = shop.sent
        for _ in range(5):
            await client.get("/echo/x")
    assert shop.sent < 64
    writer.transport.abort()
    await asyncio.wait_for(shop.cleaned.wait(), 10)


async def test_an_answer_that_fails_on_its_way_ends_without_its_end(
    client: httpx.AsyncClient, shop: Shop
) -> None:
    with pytest.raises(httpx.RemoteProtocolError):
        await client.get("/failing")
    assert shop.cleaned.is_set()


async def test_a_door_that_stops_lets_answers_end_and_takes_no_new_request(shop: Shop) -> None:
    async with opened(shop) as (door, client), client.stream("GET", "/waiting") as answer:
        pieces = answer.aiter_raw()
        assert await anext(pieces) == b"first "
        stopping = asyncio.create_task(door.stop())
        await asyncio.sleep(0)  # one turn of the loop: the task has begun, and with it the stop
        shop.released.set()
        assert await anext(pieces) == b"last"
        await asyncio.wait_for(stopping, 10)
        with pytest.raises(httpx.ConnectError):
            async with httpx.AsyncClient(base_url=client.base_url) as other:
                await other.get("/echo/x")


@pytest.mark.parametrize("listen", ["127.0.0.1:x", "127.0.0.1:99999", "203.0.113.1:0", "nowhere"])
async def test_an_address_that_cannot_be_bound_is_named(shop: Shop, listen: str) -> None:
    with pytest.raises(BadSetting, match="EXPORT_HTTP_LISTEN"):
        await HttpDoor(Router(shop.routes(), clock), listen).start()


@pytest.mark.parametrize("begin", [b"", b"GET / HT", b"GET /echo/x HTTP/1.1\r\nHost: x\r\n"])
async def test_a_request_that_does_not_arrive_loses_its_connection(shop: Shop, begin: bytes) -> None:
    door = HttpDoor(Router(shop.routes(), clock), "127.0.0.1:0", head_seconds=0.2)
    host, _, port = (await door.start()).rpartition(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    writer.write(begin)
    async with asyncio.timeout(30):
        assert await reader.read() == b""
    writer.close()
    await writer.wait_closed()
    await door.stop()


async def test_a_client_that_takes_nothing_loses_its_connection(shop: Shop) -> None:
    door = HttpDoor(Router(shop.routes(), clock), "127.0.0.1:0", stall_seconds=0.2)
    host, _, port = (await door.start()).rpartition(":")
    loop = asyncio.get_running_loop()
    with socket.socket() as client:
        client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        client.settimeout(0)
        await loop.sock_connect(client, (host, int(port)))
        # Long answers, since the kernel holds megabytes before the first one waits.
        request = b"GET /echo/%s HTTP/1.1\r\nHost: x\r\n\r\n" % (b"x" * 4000)

        async def ask_on() -> None:
            while True:
                await loop.sock_sendall(client, request * 1000)

        async with asyncio.timeout(60):
            with pytest.raises(ConnectionError):
                await ask_on()
    await door.stop()


async def test_a_connection_may_rest_between_requests_and_answers_may_take_long(shop: Shop) -> None:
    door = HttpDoor(Router(shop.routes(), clock), "127.0.0.1:0", head_seconds=0.2)
    host, _, port = (await door.start()).rpartition(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    async with asyncio.timeout(30):
        for _ in range(2):
            writer.write(b"GET /waiting HTTP/1.1\r\nHost: x\r\n\r\n")
            await reader.readuntil(b"first ")
            # The limit on headers runs out while the answer is still on its way.
            asyncio.get_running_loop().call_later(0.4, shop.released.set)
            assert await reader.readuntil(b"0\r\n\r\n")
            shop.released.clear()
    writer.close()
    await writer.wait_closed()
    await door.stop()


@pytest.mark.parametrize(
    ("path", "route", "status", "outcome"),
    [
        ("/echo/x", "/echo/{name}", 200, "ok"),
        ("/missing/x", "/missing/{name}", 404, "ok"),
        ("/nothing/here", "none", 404, "ok"),
        ("/broken", "/broken", 500, "error"),
    ],
)
async def test_a_request_is_one_line_and_one_count(
    client: httpx.AsyncClient, path: str, route: str, status: int, outcome: str
) -> None:
    labels = {"method": "GET", "route": route, "status": str(status)}
    before = REGISTRY.get_sample_value("exporter_http_requests_total", labels) or 0.0
    with lines_of("libs.common") as lines:
        answer = await client.get(path)
    (line,) = lines.found
    assert (line["message"], line["route"], line["status"]) == ("request", route, status)
    assert line["outcome"] == outcome
    if status >= 400:
        assert line["trace"] == answer.json()["traceId"]
        assert line["error_code"]
    assert REGISTRY.get_sample_value("exporter_http_requests_total", labels) == before + 1


async def test_a_made_up_method_is_neither_in_a_line_nor_in_a_label(client: httpx.AsyncClient) -> None:
    with lines_of("libs.common") as lines:
        await client.request("BREW", "/echo/x")
    assert [line["method"] for line in lines.found] == ["other"]


async def test_of_a_transfer_that_breaks_off_what_was_sent_is_counted(tmp_path: Path) -> None:
    (tmp_path / "blob").write_bytes(bytes(10))
    sent: list[int] = []

    async def short(_: Call) -> ASGIApp:
        async def chunks() -> AsyncGenerator[bytes | Transfer, None]:
            yield b"begun"
            yield FileRange(tmp_path / "blob", 0, 100, "sha256:")

        return Stream(chunks(), 200, {"Content-Length": "105"})

    route = Route("GET", re.compile("/short"), "/short", short)
    door = HttpDoor(Router([route], clock, answered=lambda _, size: sent.append(size)), "127.0.0.1:0")
    async with httpx.AsyncClient(base_url=f"http://{await door.start()}") as client:
        with pytest.raises(httpx.RemoteProtocolError):
            await client.get("/short")
    await door.stop()
    assert sent == [5 + 10]


async def test_a_connection_for_whose_transfers_no_file_is_left_is_served_without(
    client: httpx.AsyncClient,
) -> None:
    host, _, port = client.base_url.netloc.decode().partition(":")
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    faults: list[str] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, context: faults.append(context["message"]))
    lowest = os.open(os.devnull, os.O_RDONLY)
    os.close(lowest)
    resource.setrlimit(resource.RLIMIT_NOFILE, (lowest + 2, before[1]))  # one for each end, and no more
    try:
        reader, writer = await asyncio.open_connection(host, int(port))
        writer.write(b"GET /echo/x HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
        answer = await reader.read()
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, before)
    writer.close()
    assert answer.startswith(b"HTTP/1.1 200")
    # That it cannot accept another one is said by the loop itself.
    assert [fault for fault in faults if "callback" in fault] == []
