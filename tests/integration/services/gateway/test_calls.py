"""REST calls become RPCs and their answers become HTTP: status, headers, JSON, trace."""

from __future__ import annotations

import httpx
import pytest
from stellaops.export.v1 import profiles_pb2, runs_pb2

from tests.kit.gateway import Gateway

PROFILE = profiles_pb2.Profile(name="tenants/acme/profiles/nightly", etag="e-1")
RUN = runs_pb2.Run(name="tenants/acme/runs/r-1", etag="e-2")
TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"


async def test_a_call_reaches_its_service_with_tenant_and_subject(door: Gateway) -> None:
    await door.client.get("/api/export/runs/r-1")
    [asked] = door.services.asked
    assert (asked.rpc, asked.tenant, asked.subject) == (
        "/stellaops.export.v1.RunService/GetRun",
        "acme",
        "admin",
    )
    assert asked.request == runs_pb2.GetRunRequest(name="tenants/acme/runs/r-1")


async def test_an_answer_is_the_contracts_json(door: Gateway) -> None:
    progress = runs_pb2.RunProgress(records=1 << 60)
    door.services.answers["GetRun"] = runs_pb2.Run(
        name="n", state=runs_pb2.Run.STATE_RUNNING, progress=progress
    )
    answer = await door.client.get("/api/export/runs/r-1")
    assert answer.headers["content-type"] == "application/json"
    assert answer.json() == {
        "name": "n",
        "state": "STATE_RUNNING",
        "progress": {"records": "1152921504606846976"},
    }


async def test_an_answer_without_content_is_an_empty_object(door: Gateway) -> None:
    answer = await door.client.delete("/api/export/profiles/nightly")
    assert (answer.status_code, answer.json()) == (200, {})


async def test_what_is_created_answers_201_and_its_place(door: Gateway) -> None:
    door.services.answers["CreateProfile"] = PROFILE
    answer = await door.client.post(
        "/api/export/profiles?profileId=nightly", json={"spec": {"kind": "json", "variant": "raw"}}
    )
    assert (answer.status_code, answer.headers["location"]) == (201, "/api/export/profiles/nightly")


async def test_a_run_that_is_created_answers_202_and_its_place(door: Gateway) -> None:
    door.services.answers["CreateRun"] = RUN
    answer = await door.client.post("/api/export/runs", json={"profile": "nightly"})
    assert (answer.status_code, answer.headers["location"]) == (202, "/api/export/runs/r-1")


async def test_a_validation_creates_nothing_and_says_so(door: Gateway) -> None:
    answer = await door.client.post("/api/export/runs?validateOnly=true", json={"profile": "nightly"})
    assert answer.status_code == 200
    assert "location" not in answer.headers


async def test_an_idempotency_key_travels_as_the_request_id(door: Gateway) -> None:
    await door.client.post(
        "/api/export/runs", json={"profile": "nightly"}, headers={"Idempotency-Key": "k-1"}
    )
    request = door.services.asked[0].request
    assert isinstance(request, runs_pb2.CreateRunRequest)
    assert (request.request_id, request.parent) == ("k-1", "tenants/acme")


async def test_an_etag_leads_from_reading_to_changing(door: Gateway) -> None:
    door.services.answers.update(GetProfile=PROFILE, UpdateProfile=PROFILE)
    read = await door.client.get("/api/export/profiles/nightly")
    changed = {**read.json(), "spec": {"kind": "json", "variant": "raw"}}
    await door.client.put(
        "/api/export/profiles/nightly", json=changed, headers={"If-Match": read.headers["etag"]}
    )
    request = door.services.asked[1].request
    assert isinstance(request, profiles_pb2.UpdateProfileRequest)
    assert (read.headers["etag"], request.profile.etag) == ('"e-1"', "e-1")


async def test_what_has_not_changed_is_not_sent_again(door: Gateway) -> None:
    door.services.answers["GetProfile"] = PROFILE
    same = await door.client.get("/api/export/profiles/nightly", headers={"If-None-Match": '"x", "e-1"'})
    other = await door.client.get("/api/export/profiles/nightly", headers={"If-None-Match": '"x"'})
    assert (same.status_code, same.content, other.status_code) == (304, b"", 200)


async def test_head_answers_as_get_does_without_a_body(door: Gateway) -> None:
    door.services.answers["GetProfile"] = PROFILE
    answer = await door.client.head("/api/export/profiles/nightly")
    assert (answer.status_code, answer.headers["etag"], answer.content) == (200, '"e-1"', b"")


async def test_a_call_belongs_to_the_callers_trace(door: Gateway) -> None:
    await door.client.get("/api/export/runs", headers={"traceparent": f"00-{TRACE}-00f067aa0ba902b7-01"})
    assert door.services.asked[0].trace == TRACE


@pytest.mark.parametrize("token", ["", "Bearer forged"])
async def test_who_is_not_known_does_not_choose_a_trace(door: Gateway, token: str) -> None:
    headers = {"traceparent": f"00-{TRACE}-00f067aa0ba902b7-01", "authorization": token}
    answer = await door.client.get("/api/export/runs", headers=headers)
    assert answer.status_code == 401
    assert answer.json()["traceId"] != TRACE


async def test_bytes_that_are_no_text_are_no_trace(door: Gateway) -> None:
    answer = await door.client.get(
        "/api/export/runs", headers={b"traceparent": b"\xff-%b-x-y" % TRACE.encode()}
    )
    found = door.services.asked[0].trace
    assert (answer.status_code, len(found), found == TRACE) == (200, 32, False)


@pytest.mark.parametrize("trace", ["", "garbage", "00-XYZ-1-1", f"00-{TRACE}"])
async def test_a_call_without_a_trace_gets_one(door: Gateway, trace: str) -> None:
    await door.client.get("/api/export/runs", headers={"traceparent": trace})
    found = door.services.asked[0].trace
    assert len(found) == 32
    assert found != TRACE


async def test_answers_are_not_kept_by_caches_and_not_guessed_at(door: Gateway) -> None:
    answer = await door.client.get("/api/export/runs")
    assert (answer.headers["cache-control"], answer.headers["x-content-type-options"]) == (
        "no-store",
        "nosniff",
    )


async def test_a_connection_serves_many_calls(door: Gateway) -> None:
    limits = httpx.Limits(max_connections=1)
    async with httpx.AsyncClient(base_url=door.url, headers=dict(door.client.headers), limits=limits) as one:
        answers = [await one.get("/api/export/runs") for _ in range(3)]
    assert all(answer.headers.get("connection") != "close" for answer in answers)
