"""The HTTP door through a real socket: whole, ranges, resume, conditions, refusals."""

from __future__ import annotations

import asyncio
import base64
import email.parser
import email.policy
import hashlib
import json
import socket

import httpx
import pytest

from libs.common.bundle import layout as paths
from libs.common.rpc.access import DOWNLOAD, ROLES
from tests.integration.services.distributor.conftest import Delivered, Stock, deliver, headers
from tests.kit.bundles import OTHER_KEY, make_bundle
from tests.kit.stored_bundles import store_files

EVERY_ROUTE = ["bundle", "files/export.json", "manifest", "provenance", "signatures"]


@pytest.fixture
def bundle(delivered: Delivered) -> str:
    return f"/runs/{delivered.run}/bundle"


def sha256_base64(data: bytes) -> str:
    return base64.b64encode(hashlib.sha256(data).digest()).decode()


async def test_the_whole_tar_comes_with_name_length_and_digests(
    http: httpx.AsyncClient, bundle: str, delivered: Delivered
) -> None:
    answer = await http.get(bundle)
    assert answer.status_code == 200
    assert answer.content == delivered.tar
    digest = sha256_base64(delivered.tar)
    assert answer.headers["content-type"] == "application/x-tar"
    assert answer.headers["content-length"] == str(len(delivered.tar))
    assert answer.headers["content-disposition"] == f'attachment; filename="{delivered.export_id}.tar"'
    assert answer.headers["etag"] == f'"sha256:{hashlib.sha256(delivered.tar).hexdigest()}"'
    assert answer.headers["accept-ranges"] == "bytes"
    assert answer.headers["repr-digest"] == answer.headers["content-digest"] == f"sha-256=:{digest}:"
    assert answer.headers["digest"] == f"sha-256={digest}"
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert answer.headers["x-stella-immutability"] == "true"


async def test_head_says_what_get_would_and_sends_nothing(
    http: httpx.AsyncClient, bundle: str, delivered: Delivered
) -> None:
    head, get = await http.head(bundle), await http.get(bundle)
    assert (head.status_code, head.content) == (200, b"")
    for name in ("etag", "content-length", "content-type", "repr-digest", "content-disposition"):
        assert head.headers[name] == get.headers[name]
    del delivered


async def test_one_range_is_a_206_with_its_place(
    http: httpx.AsyncClient, bundle: str, delivered: Delivered
) -> None:
    answer = await http.get(bundle, headers={"range": "bytes=1000-1999"})
    assert (answer.status_code, answer.content) == (206, delivered.tar[1000:2000])
    assert answer.headers["content-range"] == f"bytes 1000-1999/{len(delivered.tar)}"
    assert answer.headers["repr-digest"] == f"sha-256=:{sha256_base64(delivered.tar)}:"
    assert "content-digest" not in answer.headers
    assert "digest" not in answer.headers


async def test_several_ranges_come_as_multipart(
    http: httpx.AsyncClient, bundle: str, delivered: Delivered
) -> None:
    answer = await http.get(bundle, headers={"range": "bytes=0-9,512-1023,-5"})
    assert answer.status_code == 206
    assert int(answer.headers["content-length"]) == len(answer.content)
    head = f"content-type: {answer.headers['content-type']}\r\n\r\n".encode()
    message = email.parser.BytesParser(policy=email.policy.HTTP).parsebytes(head + answer.content)
    size = len(delivered.tar)
    assert [part["content-range"] for part in message.iter_parts()] == [
        f"bytes 0-9/{size}",
        f"bytes 512-1023/{size}",
        f"bytes {size - 5}-{size - 1}/{size}",
    ]
    parts = [part.get_payload(decode=True) for part in message.iter_parts()]
    assert parts == [delivered.tar[:10], delivered.tar[512:1024], delivered.tar[-5:]]


async def test_a_download_that_broke_off_is_resumed_to_the_same_bytes(
    http: httpx.AsyncClient, bundle: str, delivered: Delivered
) -> None:
    got = b""
    async with http.stream("GET", bundle) as answer:
        etag = answer.headers["etag"]
        async for chunk in answer.aiter_raw():
            got += chunk
            if len(got) > 500_000:
                break
    rest = await http.get(bundle, headers={"range": f"bytes={len(got)}-", "if-range": etag})
    assert rest.status_code == 206
    assert got + rest.content == delivered.tar


async def test_several_connections_together_give_the_whole(
    http: httpx.AsyncClient, bundle: str, delivered: Delivered
) -> None:
    step = len(delivered.tar) // 4
    bounds = [(start, start + step - 1) for start in range(0, len(delivered.tar), step)]
    answers = await asyncio.gather(
        *(http.get(bundle, headers={"range": f"bytes={first}-{last}"}) for first, last in bounds)
    )
    assert b"".join(answer.content for answer in answers) == delivered.tar


async def test_a_range_of_what_has_changed_gives_the_whole(
    http: httpx.AsyncClient, bundle: str, delivered: Delivered
) -> None:
    answer = await http.get(bundle, headers={"range": "bytes=5-", "if-range": '"sha256:other"'})
    assert (answer.status_code, answer.content) == (200, delivered.tar)


async def test_a_range_behind_the_end_is_a_416_that_states_the_length(
    http: httpx.AsyncClient, bundle: str, delivered: Delivered
) -> None:
    answer = await http.get(bundle, headers={"range": f"bytes={len(delivered.tar)}-"})
    assert answer.status_code == 416
    assert answer.headers["content-range"] == f"bytes */{len(delivered.tar)}"
    assert answer.json()["code"] == "ERR_EXPORT_RANGE"


async def test_too_many_ranges_are_refused(
    http: httpx.AsyncClient, bundle: str, delivered: Delivered
) -> None:
    ranges = ",".join(f"{number}-{number}" for number in range(33))
    answer = await http.get(bundle, headers={"range": f"bytes={ranges}"})
    assert (answer.status_code, answer.json()["code"]) == (416, "ERR_EXPORT_RANGES")
    del delivered


async def test_what_the_client_has_is_not_sent_again(
    http: httpx.AsyncClient, bundle: str, delivered: Delivered
) -> None:
    etag = (await http.head(bundle)).headers["etag"]
    answer = await http.get(bundle, headers={"if-none-match": etag})
    assert (answer.status_code, answer.content, answer.headers["etag"]) == (304, b"", etag)
    del delivered


async def test_if_match_refuses_what_has_changed(
    http: httpx.AsyncClient, bundle: str, delivered: Delivered
) -> None:
    etag = (await http.head(bundle)).headers["etag"]
    assert (await http.get(bundle, headers={"if-match": etag})).status_code == 200
    answer = await http.get(bundle, headers={"if-match": '"sha256:other"'})
    assert (answer.status_code, answer.json()["code"]) == (412, "ERR_EXPORT_BUNDLE_CHANGED")
    assert answer.headers["etag"] == etag
    del delivered


async def test_each_file_is_served_under_its_own_digest(
    http: httpx.AsyncClient, delivered: Delivered
) -> None:
    for path, data in delivered.files.items():
        answer = await http.get(f"/runs/{delivered.run}/files/{path}")
        assert (answer.status_code, answer.content) == (200, data)
        assert answer.headers["etag"] == f'"sha256:{hashlib.sha256(data).hexdigest()}"'
        assert answer.headers["content-type"] == paths.content_type(path)


async def test_manifest_and_provenance_have_routes_of_their_own(
    http: httpx.AsyncClient, delivered: Delivered
) -> None:
    assert (await http.get(f"/runs/{delivered.run}/manifest")).content == delivered.files[paths.MANIFEST]
    assert (await http.get(f"/runs/{delivered.run}/provenance")).content == delivered.files[paths.PROVENANCE]


async def test_signatures_are_one_object_with_each_as_it_is(
    http: httpx.AsyncClient, delivered: Delivered
) -> None:
    answer = await http.get(f"/runs/{delivered.run}/signatures")
    assert answer.json() == {
        "manifestEnvelope": json.loads(delivered.files[paths.MANIFEST_ENVELOPE]),
        "provenanceEnvelope": json.loads(delivered.files[paths.PROVENANCE_ENVELOPE]),
        "sigstoreBundle": json.loads(delivered.files[paths.SIGSTORE_BUNDLE]),
    }
    assert delivered.files[paths.MANIFEST_ENVELOPE] in answer.content
    assert answer.headers["etag"] == f'"sha256:{hashlib.sha256(answer.content).hexdigest()}"'
    assert (await http.get(f"/runs/{delivered.run}/signatures")).headers["etag"] == answer.headers["etag"]


@pytest.mark.parametrize("path", ["no-such-file", "../export.json", "export.json/", "data", "%2e%2e/secret"])
async def test_a_file_that_the_bundle_has_not_is_not_found(
    http: httpx.AsyncClient, delivered: Delivered, path: str
) -> None:
    answer = await http.get(f"/runs/{delivered.run}/files/{path}")
    assert (answer.status_code, answer.json()["code"]) == (404, "ERR_EXPORT_NOT_FOUND")
    del delivered


async def test_a_new_bundle_of_the_run_has_another_etag(
    http: httpx.AsyncClient, bundle: str, delivered: Delivered, stock: Stock
) -> None:
    before = (await http.head(bundle)).headers["etag"]
    await deliver(stock, await store_files(stock.blobs, make_bundle(key=OTHER_KEY)), delivered.run, attempt=2)
    answer = await http.get(bundle, headers={"range": "bytes=5-", "if-range": before})
    assert answer.status_code == 200
    assert answer.headers["etag"] != before
    del delivered


@pytest.mark.parametrize("role", ROLES)
@pytest.mark.parametrize("route", EVERY_ROUTE)
async def test_each_route_serves_the_roles_that_may_download_and_no_other(
    http: httpx.AsyncClient, delivered: Delivered, route: str, role: str
) -> None:
    answer = await http.get(f"/runs/{delivered.run}/{route}", headers=headers(scopes=ROLES[role]))
    if DOWNLOAD in ROLES[role]:
        assert answer.status_code == 200
    else:
        assert (answer.status_code, answer.json()["code"]) == (403, "ERR_EXPORT_DENIED")
    del delivered


@pytest.mark.parametrize("role", ROLES)
@pytest.mark.parametrize("route", EVERY_ROUTE)
async def test_another_tenants_bundle_is_not_found_in_the_same_words_as_none(
    http: httpx.AsyncClient, delivered: Delivered, route: str, role: str
) -> None:
    theirs = headers(["beta"], [*ROLES[role], DOWNLOAD])
    answers = [await http.get(f"/runs/{run}/{route}", headers=theirs) for run in (delivered.run, "run-none1")]
    bodies = [
        {
            **answer.json(),
            "message": answer.json()["message"].replace("run-none1", delivered.run),
            "cure": answer.json()["cure"].replace("run-none1", delivered.run),
            "traceId": "",
            "timestamp": "",
        }
        for answer in answers
    ]
    assert [answer.status_code for answer in answers] == [404, 404]
    assert bodies[0] == bodies[1]
    assert bodies[0]["code"] == "ERR_EXPORT_BUNDLE_NOT_FOUND"
    del delivered


@pytest.mark.parametrize("route", EVERY_ROUTE)
async def test_without_a_token_or_a_tenant_nothing_is_served(
    http: httpx.AsyncClient, delivered: Delivered, route: str
) -> None:
    unsigned = await http.get(f"/runs/{delivered.run}/{route}", headers={"authorization": "Bearer x.y.z"})
    assert (unsigned.status_code, unsigned.headers["www-authenticate"]) == (401, "Bearer")
    unchosen = await http.get(f"/runs/{delivered.run}/{route}", headers=headers(["acme", "beta"]))
    assert (unchosen.status_code, unchosen.json()["code"]) == (403, "ERR_EXPORT_TENANT")
    foreign = await http.get(f"/runs/{delivered.run}/{route}", headers=headers(["beta"], tenant="acme"))
    assert (foreign.status_code, foreign.json()["code"]) == (403, "ERR_EXPORT_TENANT")
    chosen = await http.get(
        f"/runs/{delivered.run}/{route}", headers=headers(["acme", "beta"], tenant="acme")
    )
    assert chosen.status_code == 200
    del delivered


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "OPTIONS"])
async def test_other_methods_are_named_as_such(
    http: httpx.AsyncClient, bundle: str, delivered: Delivered, method: str
) -> None:
    answer = await http.request(method, bundle)
    assert (answer.status_code, answer.headers["allow"]) == (405, "GET, HEAD")
    del delivered


async def test_a_damaged_store_ends_the_connection_before_the_promised_length(
    http: httpx.AsyncClient, bundle: str, delivered: Delivered, stock: Stock
) -> None:
    last = delivered.stored.message.files[-1].pieces[-1]
    await stock.blobs.delete("acme", last.digest)
    with pytest.raises(httpx.RemoteProtocolError):
        await http.get(bundle)


async def test_the_door_stops_reading_when_the_client_leaves(
    http: httpx.AsyncClient, bundle: str, delivered: Delivered, stock: Stock
) -> None:
    reader, writer = await asyncio.open_connection(*str(http.base_url.netloc, "ascii").split(":"))
    token = headers()["authorization"]
    raw = writer.get_extra_info("socket")
    raw.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    writer.write(f"GET {bundle} HTTP/1.1\r\nhost: x\r\nauthorization: {token}\r\n\r\n".encode())
    assert (await reader.readline()).startswith(b"HTTP/1.1 200")
    writer.transport.abort()
    # The door serves on, and nothing is left running for the one that went.
    assert (await http.head(bundle)).status_code == 200
    left = [task for task in asyncio.all_tasks() if "Stream" in repr(task.get_coro())]
    await asyncio.wait_for(asyncio.gather(*left, return_exceptions=True), 10)
    del delivered, stock
