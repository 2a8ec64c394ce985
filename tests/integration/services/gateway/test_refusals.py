"""Errors over REST: one shape, the catalogue's status, whoever refuses."""

from __future__ import annotations

import asyncio
import json
import re
import string
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from libs.common.errors import ExportError, catalogue
from tests.kit.gateway import NOBODY, Gateway, Services, gateway, headers, running, served, settings

MEMBERS = ["code", "message", "cure", "details", "traceId", "timestamp"]
KINDS = [kind for kind in catalogue().values() if kind.__module__ == "libs.common.errors"]


def made(kind: type[ExportError]) -> ExportError:
    """Return an error of a kind, its details filled with their own names."""
    names = {name for _, name, _, _ in string.Formatter().parse(kind.sentence + kind.cure) if name}
    return kind(**{name: f"the {name}" for name in names})


def check_shape(answer: httpx.Response) -> dict[str, Any]:
    body: dict[str, Any] = answer.json()
    assert list(body) == MEMBERS
    assert all(body[member] for member in MEMBERS if member != "details")
    assert re.fullmatch(r"[0-9a-f]{32}", body["traceId"])
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", body["timestamp"])
    return body


@pytest.mark.parametrize("kind", KINDS, ids=[kind.code for kind in KINDS])
async def test_a_services_error_keeps_code_sentence_and_cure(door: Gateway, kind: type[ExportError]) -> None:
    error = made(kind)
    door.services.answers["GetRun"] = error
    answer = await door.client.get("/api/export/runs/r-1")
    body = check_shape(answer)
    assert (answer.status_code, body["code"]) == (kind.http, kind.code)
    assert (body["message"], body["cure"]) == (error.message, error.remedy)
    assert ("retry-after" in answer.headers) is kind.retryable


async def test_a_rule_of_the_contract_that_is_broken_names_the_field(door: Gateway) -> None:
    answer = await door.client.post("/api/export/runs", json={"selector": {}})
    body = check_shape(answer)
    assert (answer.status_code, body["code"]) == (400, "ERR_EXPORT_INVALID")
    assert [detail["field"] for detail in body["details"]] == ["run.profile"]


async def test_an_unexpected_error_of_a_service_tells_nothing_of_its_inside(door: Gateway) -> None:
    door.services.answers["GetRun"] = KeyError("secret detail")
    answer = await door.client.get("/api/export/runs/r-1")
    assert (answer.status_code, check_shape(answer)["code"]) == (500, "ERR_EXPORT_INTERNAL")
    assert "secret" not in answer.text


async def test_an_error_names_the_trace_that_the_services_log(door: Gateway) -> None:
    door.services.answers["GetRun"] = made(catalogue()["ERR_EXPORT_RUN_NOT_FOUND"])
    answer = await door.client.get("/api/export/runs/r-1")
    assert answer.json()["traceId"] == door.services.asked[0].trace


@pytest.mark.parametrize(
    "path",
    [
        "/",
        "/api/export",
        "/api/export/nothing",
        "/api/export/runs/r-1/",
        "/api/export/runs/r-1:explode",
        "/api/export/runs/r%2F1",
        "//api/export/runs",
        "/" + "x" * 1000,
    ],
)
async def test_a_route_that_is_not_there_has_the_same_shape(door: Gateway, path: str) -> None:
    request = door.client.build_request("GET", door.url)
    request.url = httpx.URL(door.url, raw_path=path.encode())
    answer = await door.client.send(request)
    assert (answer.status_code, check_shape(answer)["code"]) == (404, "ERR_EXPORT_NOT_FOUND")


async def test_a_method_that_a_path_does_not_take_names_those_it_takes(door: Gateway) -> None:
    answer = await door.client.patch("/api/export/profiles/nightly", json={})
    assert (answer.status_code, check_shape(answer)["code"]) == (405, "ERR_EXPORT_METHOD")
    assert answer.headers["allow"] == "DELETE, GET, HEAD, PUT"


@pytest.mark.parametrize(
    ("content", "kind", "field"),
    [
        (b"{", "application/json", "body"),
        (b'{"profile":"a","profile":"b"}', "application/json", "body"),
        (b'{"profile":"\xff"}', "application/json", "body"),
        (b"profile=nightly", "application/x-www-form-urlencoded", "Content-Type"),
        (b'{"prophile":"nightly"}', "application/json", "run.prophile"),
        (b'{"profile":"nightly"}', "application/json; charset=utf-8", ""),
    ],
    ids=["cut", "duplicate", "not utf-8", "a form", "unknown member", "good"],
)
async def test_a_body_that_is_no_clean_json_is_refused(
    door: Gateway, content: bytes, kind: str, field: str
) -> None:
    answer = await door.client.post("/api/export/runs", content=content, headers={"content-type": kind})
    if not field:
        assert answer.status_code == 202
        return
    assert (answer.status_code, check_shape(answer)["details"][0]["field"]) == (400, field)
    assert door.services.asked == []


async def test_a_query_parameter_that_is_unknown_is_refused(door: Gateway) -> None:
    answer = await door.client.get("/api/export/runs?limit=7")
    assert (answer.status_code, check_shape(answer)["details"][0]["field"]) == (400, "limit")


async def test_a_body_is_bounded(door: Gateway) -> None:
    answer = await door.client.post(
        "/api/export/runs",
        content=b" " * ((1 << 20) + 1),
        headers={"content-type": "application/json"},
    )
    assert (answer.status_code, check_shape(answer)["code"]) == (413, "ERR_EXPORT_TOO_LARGE")


async def test_a_body_without_an_end_is_cut_off(door: Gateway) -> None:
    async def endless() -> AsyncIterator[bytes]:
        while True:
            yield b" " * 65536

    try:
        answer = await door.client.post(
            "/api/export/runs", content=endless(), headers={"content-type": "application/json"}
        )
    except (httpx.WriteError, httpx.ReadError):
        return  # the door closed while the client was writing
    assert answer.status_code == 413


async def test_a_header_is_bounded(door: Gateway) -> None:
    answer = await door.client.get("/api/export/runs", headers={"x-much": "y" * 20_000})
    assert (answer.status_code, check_shape(answer)["code"]) == (413, "ERR_EXPORT_TOO_LARGE")
    endless = await door.client.get("/api/export/runs", headers={"x-much": "y" * 200_000})
    assert (endless.status_code, check_shape(endless)["code"]) == (413, "ERR_EXPORT_TOO_LARGE")


async def test_a_query_is_bounded(door: Gateway) -> None:
    answer = await door.client.get("/api/export/runs", params={"pageToken": "x" * 3000})
    assert (answer.status_code, check_shape(answer)["code"]) == (413, "ERR_EXPORT_TOO_LARGE")


async def test_a_service_that_is_away_answers_503_and_when_to_come_back(
    door: Gateway, tmp_path: Path
) -> None:
    async with gateway(tmp_path, door.services, planner_address=NOBODY) as lame:
        answer = await lame.client.get("/api/export/runs")
        body = check_shape(answer)
        assert (answer.status_code, body["code"]) == (503, "ERR_EXPORT_UNAVAILABLE")
        assert int(answer.headers["retry-after"]) > 0
        assert body["message"].startswith("the planner does not answer")
        assert (await lame.client.get("/api/export/keys")).status_code == 200
        ready = await lame.client.get("/readyz")
        assert (ready.status_code, ready.json()["services"]["planner"]) == (503, "unreachable")


async def test_a_service_that_comes_back_is_served_again(tmp_path: Path) -> None:
    services = Services()
    async with served(tmp_path, services):
        address = services.address
        async with gateway(tmp_path, services) as found:
            assert (await found.client.get("/api/export/runs")).status_code == 200
            (tmp_path / "again").mkdir()
    async with gateway(tmp_path, services) as found:
        assert (await found.client.get("/api/export/runs")).status_code == 503
        async with served(tmp_path / "again", services, address), asyncio.timeout(30):
            while (await found.client.get("/api/export/runs")).status_code != 200:
                pass


async def test_a_service_that_is_too_slow_answers_504(door: Gateway, tmp_path: Path) -> None:
    async def never(request: Any) -> Any:
        del request
        await asyncio.Event().wait()

    async with gateway(tmp_path, door.services, request_seconds=1) as hasty:
        door.services.answers["GetRun"] = never
        answer = await hasty.client.get("/api/export/runs/r-1")
        assert (answer.status_code, check_shape(answer)["code"]) == (504, "ERR_EXPORT_DEADLINE")


async def test_a_gateway_without_any_service_lives_and_is_not_ready(tmp_path: Path) -> None:
    async with running(settings(tmp_path), Services()) as alone:
        assert (await alone.client.get("/healthz")).status_code == 200
        ready = await alone.client.get("/readyz")
        assert (ready.status_code, set(ready.json()["services"].values())) == (503, {"unreachable"})


async def test_garbage_on_the_wire_harms_nobody(door: Gateway) -> None:
    host, port = door.url.removeprefix("http://").split(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    writer.write(b"\x16\x03\x01 no HTTP at all\r\n\r\n")
    assert b"400" in await reader.readline()
    writer.close()
    await writer.wait_closed()
    assert (await door.client.get("/healthz")).status_code == 200


async def test_a_token_never_stands_in_an_error(door: Gateway) -> None:
    token = headers("viewer")["authorization"].removeprefix("Bearer ")
    spoiled = token[:-4] + "AAAA"
    for given, status in (({"authorization": f"Bearer {spoiled}"}, 401), (headers("viewer"), 403)):
        answer = await door.client.post("/api/export/runs", json={}, headers=given)
        assert answer.status_code == status
        assert token[:40] not in json.dumps(dict(answer.headers)) + answer.text
