"""Every REST route, for every role, in the own tenant, in another one, and without any."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any

import httpx
import pytest
from stellaops.evidence.v1.imports_pb2 import ImportProgress, ImportResult
from stellaops.export.v1.runs_pb2 import RunEvent

from libs.common.rpc.access import REQUIRED, ROLES
from services.gateway.binding import bindings
from services.gateway.operations import OPERATIONS
from tests.kit.answers import Answering, Request, answering
from tests.kit.gateway import Gateway, Services, gateway, headers, served

VALUES = {
    "run": "0-run",
    "profile": "nightly",
    "revision": "r1",
    "distribution": "download",
    "path": "export.json",
}
BODIES: dict[str, Any] = {
    "CreateProfile": {"spec": {"kind": "json", "variant": "raw"}},
    "UpdateProfile": {"spec": {"kind": "json", "variant": "raw"}},
    "CreateRun": {"profile": "nightly"},
    "PlanRun": {"profile": "nightly"},
    "CancelRun": {},
    "RetryRun": {},
    "RotateKey": {},
    "CollectBlobs": {},
    "DeleteRecords": {"kind": "RECORD_KIND_VEX", "source": "vendor", "keys": ["a"]},
}
QUERIES = {"CreateProfile": "?profileId=nightly"}
FORM = (
    b'--b\r\nContent-Disposition: form-data; name="spec"\r\n\r\n{}\r\n'
    b'--b\r\nContent-Disposition: form-data; name="file"; filename="a.json"\r\n\r\n{}\r\n--b--\r\n'
)


@dataclass(frozen=True, slots=True)
class Case:
    """A route with what it takes; `rpc` says which scope it needs."""

    verb: str
    path: str
    rpc: str

    @property
    def url(self) -> str:
        """The path with made-up names."""
        return self.path.format_map(VALUES) + QUERIES.get(self.name, "")

    @property
    def name(self) -> str:
        """Short name of the RPC."""
        return self.rpc.rpartition("/")[2]

    def request(self, client: httpx.AsyncClient, given: dict[str, str]) -> httpx.Request:
        """Return the request with these headers alone."""
        content: dict[str, Any] = {}
        if self.name == "Import":
            given = {**given, "content-type": "multipart/form-data; boundary=b"}
            content = {"content": FORM}
        elif self.verb in ("POST", "PUT"):
            content = {"json": BODIES[self.name]}
        request = client.build_request(self.verb, self.url, headers=given, **content)
        if "authorization" not in given:
            del request.headers["authorization"]
        return request


CASES = [
    *(Case(binding.verb, binding.template.shown, binding.rpc) for binding in bindings()),
    *(Case(operation.verb, operation.path, operation.rpc) for operation in OPERATIONS if operation.rpc),
]
every_route = pytest.mark.parametrize("case", CASES, ids=[f"{case.verb} {case.path}" for case in CASES])


@pytest.fixture(scope="module")
async def wide_door(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Gateway]:
    """A gateway whose services answer everything, and whose distributor serves any file."""
    folder = tmp_path_factory.mktemp("gateway")
    services = Services()
    with answering(_file) as files:
        async with served(folder, services), gateway(folder, services, distributor_http=files.url) as found:
            yield found


@pytest.fixture
def door(wide_door: Gateway) -> Gateway:
    wide_door.services.asked.clear()
    wide_door.services.answers.update(WatchRun=_events, Import=_import)
    return wide_door


def _file(answer: Answering, request: Request) -> None:
    del request
    answer.give(200, b"bytes")


async def _events(request: Any) -> AsyncIterator[RunEvent]:
    yield RunEvent(sequence=1, type="succeeded", terminal=True, message=request.name)


async def _import(requests: Any) -> AsyncIterator[ImportProgress]:
    async for _ in requests:
        pass
    yield ImportProgress(result=ImportResult(sequence=1))


async def _answer(door: Gateway, case: Case, given: dict[str, str]) -> httpx.Response:
    return await door.client.send(case.request(door.client, given))


@every_route
@pytest.mark.parametrize("role", sorted(ROLES))
async def test_a_role_may_what_its_scopes_say(door: Gateway, case: Case, role: str) -> None:
    answer = await _answer(door, case, headers(role))
    if REQUIRED[case.rpc] in ROLES[role]:
        assert answer.status_code in (200, 201, 202), answer.text
        assert {asked.tenant for asked in door.services.asked} <= {"acme"}
    else:
        assert (answer.status_code, answer.json()["code"]) == (403, "ERR_EXPORT_DENIED")
        assert door.services.asked == []


@every_route
async def test_a_tenant_that_the_token_does_not_name_is_denied_to_an_admin_too(
    door: Gateway, case: Case
) -> None:
    answer = await _answer(door, case, headers("admin", tenant="beta"))
    assert (answer.status_code, answer.json()["code"]) == (403, "ERR_EXPORT_TENANT")
    assert door.services.asked == []


@every_route
async def test_a_token_of_several_tenants_must_choose(door: Gateway, case: Case) -> None:
    answer = await _answer(door, case, headers("admin", tenants=("acme", "beta")))
    assert (answer.status_code, answer.json()["code"]) == (403, "ERR_EXPORT_TENANT")
    chosen = await _answer(door, case, headers("admin", tenants=("acme", "beta"), tenant="beta"))
    assert chosen.status_code in (200, 201, 202), chosen.text
    assert {asked.tenant for asked in door.services.asked} <= {"beta"}


@every_route
async def test_a_token_without_a_tenant_is_denied(door: Gateway, case: Case) -> None:
    answer = await _answer(door, case, headers("admin", tenants=()))
    assert (answer.status_code, answer.json()["code"]) == (403, "ERR_EXPORT_TENANT")
    assert door.services.asked == []


@every_route
@pytest.mark.parametrize(
    "given",
    [{}, {"authorization": "Basic eDp5"}, {"authorization": "Bearer eyJhbGciOiJub25lIn0.e30."}],
    ids=["none", "basic", "unsigned"],
)
async def test_without_a_token_that_holds_there_is_no_door(
    door: Gateway, case: Case, given: dict[str, str]
) -> None:
    answer = await _answer(door, case, given)
    assert (answer.status_code, answer.json()["code"]) == (401, "ERR_EXPORT_UNAUTHENTICATED")
    assert answer.headers["www-authenticate"] == "Bearer"
    assert door.services.asked == []


@pytest.mark.parametrize("path", [operation.path for operation in OPERATIONS if not operation.rpc])
async def test_what_says_nothing_of_any_tenant_needs_no_token(door: Gateway, path: str) -> None:
    async with httpx.AsyncClient(base_url=door.url) as stranger:
        assert (await stranger.get(path)).status_code == 200
