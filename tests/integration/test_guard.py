"""The guard: a real server refuses what it must and answers every error the same way."""

from __future__ import annotations

import asyncio
import contextlib
import json
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import grpc
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc
from stellaops.evidence.v1 import policy_pb2, policy_pb2_grpc
from stellaops.export.v1 import runs_pb2, runs_pb2_grpc
from stellaops.export.v1.selectors_pb2 import Selector

from libs.common.errors import RunNotFound
from libs.common.rpc.access import REQUIRED
from libs.common.rpc.identity import current_caller
from libs.common.rpc.server import Server
from libs.common.rpc.status import error_info
from libs.common.rpc.tokens import TokenIssuer
from libs.common.settings import ServiceSettings
from tests.kit.log_lines import lines_of
from tests.kit.times import DAY

ISSUER = TokenIssuer.create("https://issuer.test", "export-center")


def bearer(tenants: list[str], scopes: list[str]) -> tuple[str, str]:
    now = int(time.time())
    return ("authorization", "Bearer " + ISSUER.issue("ann", tenants, scopes, now, now + DAY))


class Runs(runs_pb2_grpc.RunServiceServicer):
    async def GetRun(self, request: runs_pb2.GetRunRequest, context: Any) -> runs_pb2.Run:  # noqa: N802 - gRPC's name
        del context
        if request.name == "missing":
            raise RunNotFound(name="missing")
        if request.name == "broken":
            raise KeyError("secret detail")
        return runs_pb2.Run(name=request.name, actor=current_caller().tenant)

    async def WatchRun(  # noqa: N802 - gRPC's name
        self, request: runs_pb2.WatchRunRequest, context: Any
    ) -> AsyncIterator[runs_pb2.RunEvent]:
        del context
        for number in range(2):
            yield runs_pb2.RunEvent(sequence=number + 1, message=current_caller().tenant)
        if request.name == "missing":
            raise RunNotFound(name="missing")
        while request.name == "endless":
            await asyncio.sleep(0.01)
            yield runs_pb2.RunEvent()


class Policy(policy_pb2_grpc.PolicyServiceServicer):
    pass


@dataclass
class Door:
    runs: runs_pb2_grpc.RunServiceAsyncStub
    health: Any
    policy: Any


@pytest.fixture
async def door(tmp_path: Path) -> AsyncIterator[Door]:
    (tmp_path / "jwks").write_text(json.dumps(json.loads(ISSUER.jwks())))
    server = Server(
        ServiceSettings(blobs_url="", jwks_file=str(tmp_path / "jwks"), token_issuer="https://issuer.test")
    )
    runs_pb2_grpc.add_RunServiceServicer_to_server(Runs(), server.grpc)  # type: ignore[abstract] # two methods are enough
    policy_pb2_grpc.add_PolicyServiceServicer_to_server(Policy(), server.grpc)  # type: ignore[abstract] # never reached
    address = await server.start(["stellaops.export.v1.RunService"])
    async with grpc.aio.insecure_channel(address) as channel:
        yield Door(
            runs_pb2_grpc.RunServiceStub(channel),
            health_pb2_grpc.HealthStub(channel),
            policy_pb2_grpc.PolicyServiceStub(channel),
        )
    await server.grpc.stop(0)


async def refused(call: Any) -> tuple[str, str]:
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await call
    info = error_info(caught.value)
    return caught.value.code().name, info.reason if info else ""


async def test_a_call_with_token_scope_and_tenant_is_served(door: Door) -> None:
    metadata = (bearer(["acme", "beta"], ["export:read"]), ("x-stella-tenant", "beta"))
    answer = await door.runs.GetRun(runs_pb2.GetRunRequest(name="n"), metadata=metadata)
    assert answer.actor == "beta"


@pytest.mark.parametrize(
    ("metadata", "expected"),
    [
        ((), ("UNAUTHENTICATED", "ERR_EXPORT_UNAUTHENTICATED")),
        ((("authorization", "Basic eDp5"),), ("UNAUTHENTICATED", "ERR_EXPORT_UNAUTHENTICATED")),
        ((bearer(["acme"], ["export:run"]),), ("PERMISSION_DENIED", "ERR_EXPORT_DENIED")),
        ((bearer(["acme", "beta"], ["export:read"]),), ("PERMISSION_DENIED", "ERR_EXPORT_TENANT")),
        (
            (bearer(["acme"], ["export:read"]), ("x-stella-tenant", "beta")),
            ("PERMISSION_DENIED", "ERR_EXPORT_TENANT"),
        ),
    ],
    ids=["no token", "no bearer", "no scope", "no tenant chosen", "another tenant"],
)
async def test_a_call_that_may_not_be_is_refused(
    door: Door, metadata: tuple[tuple[str, str], ...], expected: tuple[str, str]
) -> None:
    request = runs_pb2.GetRunRequest(name="n")
    assert await refused(door.runs.GetRun(request, metadata=metadata)) == expected


async def test_a_request_that_breaks_a_rule_names_the_field(door: Door) -> None:
    metadata = (bearer(["acme"], ["export:read"]),)
    with pytest.raises(grpc.aio.AioRpcError, match="`name` is not valid"):
        await door.runs.GetRun(runs_pb2.GetRunRequest(), metadata=metadata)


@pytest.mark.parametrize(
    ("asked", "field"),
    [
        (runs_pb2.CreateRunRequest(request_id="a\0b"), "request_id"),
        (runs_pb2.CreateRunRequest(run=runs_pb2.Run(profile="\0")), "run.profile"),
        (
            runs_pb2.CreateRunRequest(run=runs_pb2.Run(selector=Selector(sources=["a", "\0"]))),
            "run.selector.sources[1]",
        ),
    ],
)
async def test_a_text_that_no_database_can_store_is_refused(
    door: Door, asked: runs_pb2.CreateRunRequest, field: str
) -> None:
    metadata = (bearer(["acme"], ["export:run"]),)
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await door.runs.CreateRun(asked, metadata=metadata)
    info = error_info(caught.value)
    assert info is not None
    assert info.metadata["field"] == field


async def test_an_error_of_the_catalogue_keeps_its_code(door: Door) -> None:
    metadata = (bearer(["acme"], ["export:read"]),)
    request = runs_pb2.GetRunRequest(name="missing")
    assert await refused(door.runs.GetRun(request, metadata=metadata)) == (
        "NOT_FOUND",
        "ERR_EXPORT_RUN_NOT_FOUND",
    )


async def test_an_unexpected_error_tells_nothing_of_its_inside(door: Door) -> None:
    metadata = (bearer(["acme"], ["export:read"]),)
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await door.runs.GetRun(runs_pb2.GetRunRequest(name="broken"), metadata=metadata)
    assert caught.value.code() is grpc.StatusCode.INTERNAL
    assert "secret detail" not in repr(caught.value)


async def test_a_stream_is_guarded_and_ends_with_its_error(door: Door) -> None:
    metadata = (bearer(["acme"], ["export:read"]),)
    call = door.runs.WatchRun(runs_pb2.WatchRunRequest(name="missing"), metadata=metadata)
    for _ in range(2):
        event = await call.read()
        assert isinstance(event, runs_pb2.RunEvent)
        assert event.message == "acme"
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await call.read()
    assert caught.value.code() is grpc.StatusCode.NOT_FOUND
    with pytest.raises(grpc.aio.AioRpcError) as denied:
        await door.runs.WatchRun(runs_pb2.WatchRunRequest(name="n")).read()
    assert denied.value.code() is grpc.StatusCode.UNAUTHENTICATED


async def test_a_method_that_nobody_wrote_is_unimplemented(door: Door) -> None:
    metadata = (bearer(["acme"], ["export:run"]),)
    call = door.runs.CancelRun(runs_pb2.CancelRunRequest(name="n"), metadata=metadata)
    assert await refused(call) == ("UNIMPLEMENTED", "ERR_EXPORT_UNIMPLEMENTED")


async def test_a_method_without_a_row_in_the_table_is_refused_to_everybody(door: Door) -> None:
    metadata = (bearer(["acme"], [*REQUIRED.values()]),)
    call = door.policy.CreatePolicySnapshot(policy_pb2.CreatePolicySnapshotRequest(), metadata=metadata)
    assert await refused(call) == ("PERMISSION_DENIED", "ERR_EXPORT_DENIED")


async def test_health_is_open_to_all(door: Door) -> None:
    answer = await door.health.Check(health_pb2.HealthCheckRequest())
    assert answer.status == health_pb2.HealthCheckResponse.SERVING


TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"
TRACED = ("traceparent", f"00-{TRACE}-00f067aa0ba902b7-01")


@pytest.mark.parametrize(
    ("name", "code", "outcome", "level"),
    [
        ("n", "OK", "ok", "info"),
        ("missing", "NOT_FOUND", "error", "warning"),
        ("broken", "INTERNAL", "error", "error"),
    ],
)
async def test_a_call_is_one_line_in_the_callers_trace(
    door: Door, name: str, code: str, outcome: str, level: str
) -> None:
    metadata = (bearer(["acme"], ["export:read"]), TRACED)
    with lines_of("libs.common") as lines, contextlib.suppress(grpc.aio.AioRpcError):
        await door.runs.GetRun(runs_pb2.GetRunRequest(name=name), metadata=metadata)
    (line,) = lines.found
    assert (line["message"], line["method"]) == ("call", "stellaops.export.v1.RunService/GetRun")
    assert (line["code"], line["outcome"], line["level"]) == (code, outcome, level)
    assert (line["trace"], line["tenant"]) == (TRACE, "acme")
    assert ("exception" in line) == (code == "INTERNAL")


async def test_a_refused_call_is_one_line_without_its_token_in_a_trace_that_its_caller_did_not_choose(
    door: Door,
) -> None:
    secret = "eyJ.secret.token"
    metadata = (("authorization", f"Bearer {secret}"), TRACED)
    with lines_of("libs.common") as lines, pytest.raises(grpc.aio.AioRpcError) as caught:
        await door.runs.GetRun(runs_pb2.GetRunRequest(name="n"), metadata=metadata)
    (line,) = lines.found
    assert (line["code"], line["error_code"]) == ("UNAUTHENTICATED", "ERR_EXPORT_UNAUTHENTICATED")
    assert secret not in json.dumps(line)
    info = error_info(caught.value)
    assert info is not None
    assert info.metadata["trace"] == line["trace"] != TRACE


async def test_a_stream_that_its_reader_leaves_is_one_cancelled_line(door: Door) -> None:
    metadata = (bearer(["acme"], ["export:read"]), TRACED)
    with lines_of("libs.common") as lines:
        call = door.runs.WatchRun(runs_pb2.WatchRunRequest(name="endless"), metadata=metadata)
        await call.read()
        call.cancel()
        async with asyncio.timeout(10):
            while not lines.found:  # noqa: ASYNC110 - the server tells nobody
                await asyncio.sleep(0.01)
    assert [(line["outcome"], line["code"]) for line in lines.found] == [("cancelled", "CANCELLED")]


async def test_health_is_no_unit_of_work(door: Door) -> None:
    with lines_of("libs.common") as lines:
        await door.health.Check(health_pb2.HealthCheckRequest())
    assert lines.found == []


async def test_a_trace_gives_no_right(door: Door) -> None:
    assert await refused(door.runs.GetRun(runs_pb2.GetRunRequest(name="n"), metadata=(TRACED,))) == (
        "UNAUTHENTICATED",
        "ERR_EXPORT_UNAUTHENTICATED",
    )
