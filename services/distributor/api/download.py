"""Streams a bundle, or one file of it, over gRPC from an offset on."""

from __future__ import annotations

from collections.abc import AsyncIterator

from stellaops.export.v1.distributions_pb2 import DownloadChunk, DownloadRequest

from libs.common.errors import BundleChanged, BundleNotFound, RangeNotSatisfiable
from libs.common.names import parse
from services.distributor.downloads import Downloads
from services.distributor.files import DRIVER


def own_run(parent: str, tenant: str) -> str:
    """Return the run that `parent` names; that of another tenant is not found, like one that never was."""
    named_tenant, run = parse("parent", parent, "tenants", "runs")
    if named_tenant != tenant:
        raise BundleNotFound(name=run)
    return run


async def chunks(downloads: Downloads, request: DownloadRequest, tenant: str) -> AsyncIterator[DownloadChunk]:
    """Yield what was asked for; the first chunk states digest and length, even where no byte follows."""
    run = own_run(request.parent, tenant)
    if request.path:
        found = await downloads.file(tenant, run, request.path)
    else:
        found = await downloads.tar(tenant, run)
    if request.digest and request.digest != found.digest:
        raise BundleChanged(run=run, digest=found.digest)
    total = found.content.size
    if request.offset > total:
        raise RangeNotSatisfiable(offset=request.offset, total=total)
    offset = request.offset
    if offset:
        downloads.metrics.resumed()
    yield DownloadChunk(offset=offset, digest=found.digest, total_bytes=total)
    async for data in downloads.read(tenant, found.content, offset, total - offset):
        yield DownloadChunk(offset=offset, data=data)
        offset += len(data)
        downloads.metrics.sent(DRIVER, len(data))
