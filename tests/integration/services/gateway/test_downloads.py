"""Downloads pass through: what was asked and what is answered, as it comes, and no more than that."""

from __future__ import annotations

import asyncio
import os
import resource
import threading
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import httpx
import pytest

from libs.common.descriptors import RESERVED
from libs.common.errors import RunNotFound
from libs.common.http.answers import Refusal
from tests.kit.answers import Answering, Answers, Request, answering
from tests.kit.gateway import Gateway, Services, gateway

RUN = "/api/export/runs/r-1"
SOON_SECONDS = 30.0


@asynccontextmanager
async def before(folder: Path, files: Answers) -> AsyncIterator[Gateway]:
    async with gateway(folder, Services(address="127.0.0.1:1"), distributor_http=files.url) as door:
        yield door


def plain(answer: Answering, request: Request) -> None:
    del request
    answer.give(200, b"bytes", ETag='"e"', Content_Type="application/x-tar", Server_Secret="x")


@pytest.mark.parametrize(
    ("path", "asked"),
    [
        ("/bundle", "/runs/r-1/bundle"),
        ("/manifest", "/runs/r-1/manifest"),
        ("/provenance", "/runs/r-1/provenance"),
        ("/signatures", "/runs/r-1/signatures"),
        ("/files/data/raw/a-1_b.jsonl.zst", "/runs/r-1/files/data/raw/a-1_b.jsonl.zst"),
    ],
)
async def test_a_path_is_that_of_the_distributor(tmp_path: Path, path: str, asked: str) -> None:
    with answering(plain) as files:
        async with before(tmp_path, files) as door:
            answer = await door.client.get(RUN + path)
    assert (answer.status_code, answer.content) == (200, b"bytes")
    assert [(request.method, request.path) for request in files.requests] == [("GET", asked)]


async def test_only_what_the_distributor_needs_passes_to_it(tmp_path: Path) -> None:
    given = {
        "Range": "bytes=1-2",
        "If-Range": '"e"',
        "If-Match": '"m"',
        "If-None-Match": '"n"',
        "Cookie": "secret",
        "Accept-Encoding": "gzip",
        "X-Stella-Tenant": "acme",
    }
    with answering(plain) as files:
        async with before(tmp_path, files) as door:
            await door.client.get(f"{RUN}/bundle", headers=given)
            token = door.client.headers["authorization"]
    sent = files.requests[0].headers
    assert {name: sent[name] for name in ("range", "if-range", "if-match", "if-none-match")} == {
        "range": "bytes=1-2",
        "if-range": '"e"',
        "if-match": '"m"',
        "if-none-match": '"n"',
    }
    assert (sent["authorization"], sent["x-stella-tenant"]) == (token, "acme")
    assert sent["accept-encoding"] == "identity"
    assert "cookie" not in sent
    assert "traceparent" in sent


async def test_only_what_a_client_needs_passes_back(tmp_path: Path) -> None:
    def part(answer: Answering, request: Request) -> None:
        del request
        answer.give(
            206, b"yt", ETag='"e"', Content_Range="bytes 1-2/5", Accept_Ranges="bytes", Server_Secret="x"
        )

    with answering(part) as files:
        async with before(tmp_path, files) as door:
            answer = await door.client.get(f"{RUN}/bundle", headers={"Range": "bytes=1-2"})
    assert (answer.status_code, answer.content) == (206, b"yt")
    assert answer.headers["content-range"] == "bytes 1-2/5"
    assert answer.headers["content-length"] == "2"
    assert "server-secret" not in answer.headers


async def test_bytes_come_before_the_last_of_them_is_made(tmp_path: Path) -> None:
    release = threading.Event()

    def slow(answer: Answering, request: Request) -> None:
        del request
        answer.send_response(200)
        answer.send_header("Content-Length", "10")
        answer.end_headers()
        answer.wfile.write(b"first")
        release.wait(SOON_SECONDS)
        answer.wfile.write(b"then.")

    with answering(slow) as files:
        async with before(tmp_path, files) as door, door.client.stream("GET", f"{RUN}/bundle") as answer:
            pieces = answer.aiter_raw()
            begin = await anext(pieces)
            release.set()
            rest = b"".join([piece async for piece in pieces])
    assert begin + rest == b"firstthen."
    assert begin == b"first"


@pytest.mark.parametrize("framing", ["chunked", "until the connection ends"])
async def test_an_answer_that_does_not_say_how_long_it_is_passes_whole(tmp_path: Path, framing: str) -> None:
    def unmeasured(answer: Answering, request: Request) -> None:
        del request
        answer.send_response(200)
        if framing == "chunked":
            answer.send_header("Transfer-Encoding", "chunked")
            answer.end_headers()
            answer.wfile.write(b"5\r\nfirst\r\n5\r\nthen.\r\n0\r\n\r\n")
            return
        answer.send_header("Connection", "close")
        answer.end_headers()
        answer.wfile.write(b"firstthen.")

    with answering(unmeasured) as files:
        async with before(tmp_path, files) as door:
            answer = await door.client.get(f"{RUN}/bundle")
    assert (answer.status_code, answer.content) == (200, b"firstthen.")


async def test_a_download_for_which_hardly_a_file_is_left_is_refused_for_now(tmp_path: Path) -> None:
    before_it = resource.getrlimit(resource.RLIMIT_NOFILE)
    with answering(plain) as files:
        async with before(tmp_path, files) as door:
            await door.client.get(f"{RUN}/manifest")
            lowest = os.open(os.devnull, os.O_RDONLY)
            os.close(lowest)
            resource.setrlimit(resource.RLIMIT_NOFILE, (lowest + RESERVED // 2, before_it[1]))
            try:
                refused = await door.client.get(f"{RUN}/bundle")
            finally:
                resource.setrlimit(resource.RLIMIT_NOFILE, before_it)
            again = await door.client.get(f"{RUN}/bundle")
    assert (refused.status_code, refused.json()["code"]) == (503, "ERR_EXPORT_NO_ROOM")
    assert refused.headers["retry-after"] == "2"
    assert again.status_code == 200


async def test_a_client_that_leaves_ends_the_distributors_work(tmp_path: Path) -> None:
    ended = threading.Event()

    def endless(answer: Answering, request: Request) -> None:
        del request
        answer.send_response(200)
        answer.send_header("Content-Length", str(1 << 40))
        answer.end_headers()
        try:
            while True:
                answer.wfile.write(bytes(65536))
        except OSError:
            ended.set()
            raise

    with answering(endless) as files:
        async with before(tmp_path, files) as door:
            async with door.client.stream("GET", f"{RUN}/bundle") as answer:
                await anext(answer.aiter_raw())
            assert await asyncio.to_thread(ended.wait, SOON_SECONDS)


async def test_an_answer_that_breaks_off_is_not_passed_as_whole(tmp_path: Path) -> None:
    def broken(answer: Answering, request: Request) -> None:
        del request
        answer.send_response(200)
        answer.send_header("Content-Length", "100")
        answer.end_headers()
        answer.wfile.write(b"some")
        answer.close_connection = True

    with answering(broken) as files:
        async with before(tmp_path, files) as door:
            with pytest.raises(httpx.RemoteProtocolError):
                await door.client.get(f"{RUN}/bundle")


async def test_a_refusal_of_the_distributor_passes_as_it_is(tmp_path: Path) -> None:
    refusal = Refusal.of(RunNotFound(name="r-1"))

    def refuse(answer: Answering, request: Request) -> None:
        del request
        answer.give_json({"code": refusal.code, "message": refusal.message}, refusal.http)

    with answering(refuse) as files:
        async with before(tmp_path, files) as door:
            answer = await door.client.get(f"{RUN}/bundle")
    assert (answer.status_code, answer.json()["code"]) == (404, "ERR_EXPORT_RUN_NOT_FOUND")


async def test_a_redirect_is_not_followed(tmp_path: Path) -> None:
    def elsewhere(answer: Answering, request: Request) -> None:
        del request
        answer.give(302, b"", Location="http://127.0.0.1:1/secret")

    with answering(elsewhere) as files:
        async with before(tmp_path, files) as door:
            answer = await door.client.get(f"{RUN}/bundle")
    assert answer.status_code == 302
    assert "location" not in answer.headers
    assert len(files.requests) == 1


async def test_head_passes_headers_alone(tmp_path: Path) -> None:
    def header(answer: Answering, request: Request) -> None:
        del request
        answer.send_response(200)
        answer.send_header("Content-Length", "92160")
        answer.end_headers()

    with answering(header) as files:
        async with before(tmp_path, files) as door:
            answer = await door.client.head(f"{RUN}/bundle")
    assert (answer.status_code, answer.headers["content-length"], answer.content) == (200, "92160", b"")
    assert files.requests[0].method == "HEAD"


@pytest.mark.parametrize(
    "path",
    [
        "/files/a/../../../r-2/bundle",
        "/files/..",
        "/files/a//b",
        "/files/%2e%2e/x",
        "/files/a%0d%0ab",
        "/files/a%3Fb",
        "/files/" + "x" * 300,
        "/files/",
        "/bundle/more",
    ],
)
async def test_a_path_that_no_bundle_has_does_not_reach_the_distributor(tmp_path: Path, path: str) -> None:
    with answering(plain) as files:
        async with before(tmp_path, files) as door:
            request = door.client.build_request("GET", door.url)
            # Set whole, since a client takes dots out of a path by itself.
            request.extensions["target"] = (RUN + path).encode()
            answer = await door.client.send(request)
    assert (answer.status_code, answer.json()["code"]) == (404, "ERR_EXPORT_NOT_FOUND")
    assert files.requests == []


async def test_a_distributor_that_is_away_is_503(tmp_path: Path) -> None:
    async with gateway(tmp_path, Services(address="127.0.0.1:1")) as door:
        answer = await door.client.get(f"{RUN}/bundle")
    assert (answer.status_code, answer.json()["code"]) == (503, "ERR_EXPORT_UNAVAILABLE")
    assert int(answer.headers["retry-after"]) > 0
