"""The catalogue over a real door: which adapters there are, what is wrong with a spec, who may ask."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import grpc
import pytest
from stellaops.export.v1 import adapters_pb2, adapters_pb2_grpc
from stellaops.export.v1.profiles_pb2 import ProfileSpec
from stellaops.export.v1.selectors_pb2 import RECORD_KIND_ADVISORY, RECORD_KIND_SBOM, Selector

from libs.common.rpc.access import READ, SERVICE
from libs.common.rpc.server import Server
from libs.common.rpc.status import error_info
from libs.common.rpc.tokens import TokenIssuer
from libs.common.settings import ServiceSettings
from services.adapter_host.api.catalog import Catalog
from services.adapter_host.installed import installed_adapters
from tests.kit.times import DAY

ISSUER = TokenIssuer.create("https://issuer.test", "export-center")


@dataclass
class Door:
    """A client of the catalogue."""

    stub: adapters_pb2_grpc.AdapterServiceAsyncStub

    def metadata(self, scope: str) -> tuple[tuple[str, str], ...]:
        now = int(time.time())
        token = ISSUER.issue("planner", ["acme"], [scope], now, now + DAY)
        return (("authorization", f"Bearer {token}"),)

    async def validate(self, spec: ProfileSpec, scope: str = SERVICE) -> adapters_pb2.ValidateSpecResponse:
        request = adapters_pb2.ValidateSpecRequest(spec=spec)
        return await self.stub.ValidateSpec(request, metadata=self.metadata(scope))


@pytest.fixture
async def door(tmp_path: Path) -> AsyncIterator[Door]:
    (tmp_path / "jwks").write_text(ISSUER.jwks())
    server = Server(
        ServiceSettings(blobs_url="", jwks_file=str(tmp_path / "jwks"), token_issuer="https://issuer.test")
    )
    adapters_pb2_grpc.add_AdapterServiceServicer_to_server(Catalog(installed_adapters()), server.grpc)
    address = await server.start([])
    async with grpc.aio.insecure_channel(address) as channel:
        yield Door(adapters_pb2_grpc.AdapterServiceStub(channel))
    await server.grpc.stop(0)


async def test_adapters_are_listed_with_what_they_write(door: Door) -> None:
    answer = await door.stub.ListAdapters(adapters_pb2.ListAdaptersRequest(), metadata=door.metadata(READ))
    raw = next(adapter for adapter in answer.adapters if (adapter.kind, adapter.variant) == ("json", "raw"))
    assert (raw.version, raw.schema) == ("1.0.0", "https://stellaops.io/export-center/json-raw/v1")
    assert RECORD_KIND_ADVISORY in raw.default_include
    names = [(adapter.kind, adapter.variant) for adapter in answer.adapters]
    assert names == sorted(names)


async def test_a_good_spec_has_no_faults_and_names_its_adapter(door: Door) -> None:
    answer = await door.validate(ProfileSpec(kind="json", variant="raw", include=[RECORD_KIND_SBOM]))
    assert (answer.adapter.kind, answer.adapter.variant, list(answer.faults)) == ("json", "raw", [])


async def test_every_faulty_field_is_named(door: Door) -> None:
    selector = Selector(ids=["cve-2024-1"], ecosystems=["Go*"])
    answer = await door.validate(ProfileSpec(kind="json", variant="raw", selector=selector))
    fields = sorted(fault.field for fault in answer.faults)
    assert fields == ["spec.selector.ecosystems[0]", "spec.selector.ids[0]"]


async def test_an_adapter_that_is_not_installed_is_refused_with_those_that_are(door: Door) -> None:
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await door.validate(ProfileSpec(kind="json", variant="cooked"))
    info = error_info(caught.value)
    assert info is not None
    assert (info.reason, info.metadata["adapter"]) == ("ERR_EXPORT_ADAPTER_UNKNOWN", "json:cooked")
    assert "json:raw" in info.metadata["known"]


async def test_specs_are_checked_for_services_alone(door: Door) -> None:
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await door.validate(ProfileSpec(kind="json", variant="raw"), READ)
    assert caught.value.code() is grpc.StatusCode.PERMISSION_DENIED
