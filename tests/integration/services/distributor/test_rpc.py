"""The gRPC door: lists in pages, one delivery, the files of a bundle, downloads from an offset."""

from __future__ import annotations

import hashlib
from collections.abc import Awaitable
from typing import Any

import grpc
import pytest
from google.protobuf.message import Message
from stellaops.export.v1 import distributions_pb2 as contract

from libs.common.errors import BlobMissing
from libs.common.rpc.access import DOWNLOAD, READ, ROLES
from libs.common.rpc.status import error_info
from services.distributor.intake import order_of
from tests.integration.services.distributor.conftest import Delivered, Rpc, Stock, deliver, headers
from tests.kit.stored_bundles import distribute_work, store_files

Metadata = tuple[tuple[str, str], ...]


def metadata(*arguments: Any, **named: Any) -> Metadata:
    return tuple(headers(*arguments, **named).items())


async def refused(call: Awaitable[Any]) -> str:
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await call
    info = error_info(caught.value)
    assert info is not None
    return info.reason


async def download(rpc: Rpc, run: str, **asked: Any) -> list[contract.DownloadChunk]:
    request = contract.DownloadRequest(parent=f"tenants/acme/runs/{run}", **asked)
    return [chunk async for chunk in rpc.Download(request, metadata=metadata())]


async def test_a_delivery_is_shown_with_what_was_delivered(rpc: Rpc, delivered: Delivered, run: str) -> None:
    request = contract.GetDistributionRequest(name=f"tenants/acme/runs/{run}/distributions/download")
    found = await rpc.GetDistribution(request, metadata=metadata())
    assert found.name == request.name
    assert (found.driver, found.state, found.attempts) == ("http", contract.Distribution.STATE_SUCCEEDED, 1)
    assert found.digest == f"sha256:{hashlib.sha256(delivered.tar).hexdigest()}"
    assert (found.bytes, found.reference) == (len(delivered.tar), f"/api/export/runs/{run}/bundle")
    assert found.update_time.ToDatetime() >= found.create_time.ToDatetime()


async def test_a_failed_delivery_says_why(rpc: Rpc, stock: Stock, run: str) -> None:
    stored = await store_files(stock.blobs, {"a": b"1"})
    order = order_of(distribute_work(stored, run))
    await stock.deliveries.fail(order, BlobMissing(digest="sha256:aa"))
    request = contract.GetDistributionRequest(name=f"tenants/acme/runs/{run}/distributions/download")
    found = await rpc.GetDistribution(request, metadata=metadata())
    assert (found.state, found.error.code) == (
        contract.Distribution.STATE_FAILED,
        "ERR_EXPORT_BLOB_MISSING",
    )
    assert found.error.cure


async def test_deliveries_are_listed_newest_first_in_pages(rpc: Rpc, stock: Stock) -> None:
    stored = await store_files(stock.blobs, {"a": b"1"}, tenant="pages")
    runs = [f"run-pages{number}" for number in range(5)]
    for run in runs:
        await deliver(stock, stored, run, tenant="pages")
    names: list[str] = []
    token = ""
    while True:
        request = contract.ListDistributionsRequest(parent="tenants/pages", page_size=2, page_token=token)
        page = await rpc.ListDistributions(request, metadata=metadata(["pages"]))
        names += [found.name for found in page.distributions]
        token = page.next_page_token
        if not token:
            break
    assert names == [f"tenants/pages/runs/{run}/distributions/download" for run in reversed(runs)]


async def test_the_deliveries_of_one_run_can_be_listed(rpc: Rpc, delivered: Delivered) -> None:
    request = contract.ListDistributionsRequest(parent=f"tenants/acme/runs/{delivered.run}")
    found = await rpc.ListDistributions(request, metadata=metadata())
    assert [entry.name for entry in found.distributions] == [f"{request.parent}/distributions/download"]


@pytest.mark.parametrize("token", ["x", "W10", "bnVsbA", "WyJhIiwgImIiXQ"])
async def test_a_token_that_no_list_gave_out_is_refused(rpc: Rpc, token: str) -> None:
    request = contract.ListDistributionsRequest(parent="tenants/acme", page_token=token)
    assert await refused(rpc.ListDistributions(request, metadata=metadata())) == "ERR_EXPORT_PAGE_TOKEN"


async def test_a_token_of_another_list_is_refused(rpc: Rpc, stock: Stock) -> None:
    stored = await store_files(stock.blobs, {"a": b"1"}, tenant="tokens")
    for number in range(2):
        await deliver(stock, stored, f"run-token{number}", tenant="tokens")
    as_who = metadata(["tokens"])
    request = contract.ListDistributionsRequest(parent="tenants/tokens", page_size=1)
    token = (await rpc.ListDistributions(request, metadata=as_who)).next_page_token
    other = contract.ListDistributionsRequest(parent="tenants/tokens/runs/run-token0", page_token=token)
    assert await refused(rpc.ListDistributions(other, metadata=as_who)) == "ERR_EXPORT_PAGE_TOKEN"


async def test_the_files_of_a_bundle_are_listed_by_path_in_pages(
    rpc: Rpc, delivered: Delivered, run: str
) -> None:
    whole = await rpc.ListBundleFiles(
        contract.ListBundleFilesRequest(parent=f"tenants/acme/runs/{run}"), metadata=metadata()
    )
    assert [(file.path, file.digest, file.bytes) for file in whole.files] == [
        (path, f"sha256:{hashlib.sha256(data).hexdigest()}", len(data))
        for path, data in delivered.files.items()
    ]
    assert (whole.bytes, whole.next_page_token) == (len(delivered.tar), "")
    paged: list[str] = []
    token = ""
    while True:
        request = contract.ListBundleFilesRequest(
            parent=f"tenants/acme/runs/{run}", page_size=4, page_token=token
        )
        page = await rpc.ListBundleFiles(request, metadata=metadata())
        paged += [file.path for file in page.files]
        token = page.next_page_token
        if not token:
            break
    assert paged == list(delivered.files)


@pytest.mark.parametrize("offset", [0, 1, 511, 600_000])
async def test_a_download_goes_on_from_any_offset(
    rpc: Rpc, delivered: Delivered, offset: int, run: str
) -> None:
    chunks = await download(rpc, run, offset=offset)
    assert b"".join(chunk.data for chunk in chunks) == delivered.tar[offset:]
    assert (chunks[0].total_bytes, chunks[0].offset) == (len(delivered.tar), offset)
    assert chunks[0].digest == f"sha256:{hashlib.sha256(delivered.tar).hexdigest()}"
    at = offset
    for chunk in chunks:
        assert chunk.offset == at
        assert len(chunk.data) <= 1 << 20
        at += len(chunk.data)


async def test_a_complete_download_has_nothing_left_and_says_so(
    rpc: Rpc, delivered: Delivered, run: str
) -> None:
    chunks = await download(rpc, run, offset=len(delivered.tar))
    assert [(chunk.data, chunk.total_bytes) for chunk in chunks] == [(b"", len(delivered.tar))]


async def test_one_file_can_be_downloaded(rpc: Rpc, delivered: Delivered, run: str) -> None:
    chunks = await download(rpc, run, path="export.json", offset=10)
    assert b"".join(chunk.data for chunk in chunks) == delivered.files["export.json"][10:]


async def test_an_offset_behind_the_end_is_refused(rpc: Rpc, delivered: Delivered, run: str) -> None:
    assert await refused(download(rpc, run, offset=len(delivered.tar) + 1)) == "ERR_EXPORT_RANGE"


async def test_a_download_of_what_has_changed_is_refused(rpc: Rpc, delivered: Delivered, run: str) -> None:
    good = f"sha256:{hashlib.sha256(delivered.tar).hexdigest()}"
    assert await download(rpc, run, digest=good)
    assert await refused(download(rpc, run, digest=f"sha256:{'0' * 64}")) == "ERR_EXPORT_BUNDLE_CHANGED"


async def test_a_run_under_way_has_no_bundle_yet(rpc: Rpc, stock: Stock, run: str) -> None:
    stored = await store_files(stock.blobs, {"a": b"1"})
    await stock.deliveries.fail(order_of(distribute_work(stored, run)), BlobMissing(digest="sha256:aa"))
    assert await refused(download(rpc, run)) == "ERR_EXPORT_NO_BUNDLE"


METHODS = {
    "ListDistributions": READ,
    "GetDistribution": READ,
    "ListBundleFiles": READ,
    "Download": DOWNLOAD,
}


async def call(rpc: Rpc, method: str, run: str, as_who: Metadata) -> None:
    name = f"tenants/acme/runs/{run}"
    requests: dict[str, Message] = {
        "ListDistributions": contract.ListDistributionsRequest(parent=name),
        "GetDistribution": contract.GetDistributionRequest(name=f"{name}/distributions/download"),
        "ListBundleFiles": contract.ListBundleFilesRequest(parent=name),
        "Download": contract.DownloadRequest(parent=name),
    }
    answer = getattr(rpc, method)(requests[method], metadata=as_who)
    if method == "Download":
        async for _ in answer:
            pass
    else:
        await answer


@pytest.mark.parametrize("role", ROLES)
@pytest.mark.parametrize("method", METHODS)
async def test_each_rpc_serves_the_roles_that_have_its_scope(
    rpc: Rpc, delivered: Delivered, method: str, role: str
) -> None:
    as_who = metadata(scopes=ROLES[role])
    if METHODS[method] in ROLES[role]:
        await call(rpc, method, delivered.run, as_who)
    else:
        assert await refused(call(rpc, method, delivered.run, as_who)) == "ERR_EXPORT_DENIED"


@pytest.mark.parametrize(
    ("method", "code"),
    [
        ("ListDistributions", "ERR_EXPORT_TENANT"),
        ("GetDistribution", "ERR_EXPORT_NOT_FOUND"),
        ("ListBundleFiles", "ERR_EXPORT_BUNDLE_NOT_FOUND"),
        ("Download", "ERR_EXPORT_BUNDLE_NOT_FOUND"),
    ],
)
async def test_nothing_of_another_tenant_is_there(
    rpc: Rpc, delivered: Delivered, method: str, code: str
) -> None:
    assert await refused(call(rpc, method, delivered.run, metadata(["beta"]))) == code
    assert (
        await refused(call(rpc, method, delivered.run, metadata(["beta"], tenant="acme")))
        == "ERR_EXPORT_TENANT"
    )
    assert await refused(call(rpc, method, delivered.run, metadata(["acme", "beta"]))) == "ERR_EXPORT_TENANT"
