"""Answers DistributionService: deliveries, the files of a bundle, downloads."""

# ruff: noqa: ARG002, N802 - names and arguments of the methods are those of the contract
from __future__ import annotations

from bisect import bisect_right
from collections.abc import AsyncIterator
from datetime import datetime
from types import MappingProxyType
from typing import Any

import grpc
from google.protobuf.timestamp_pb2 import Timestamp
from stellaops.export.v1.distributions_pb2 import (
    BundleFile,
    CollectBlobsRequest,
    CollectBlobsResponse,
    Distribution,
    DownloadChunk,
    DownloadRequest,
    GetDistributionRequest,
    ListBundleFilesRequest,
    ListBundleFilesResponse,
    ListDistributionsRequest,
    ListDistributionsResponse,
)
from stellaops.export.v1.distributions_pb2_grpc import DistributionServiceServicer
from stellaops.export.v1.runs_pb2 import Run, RunError

from libs.common.db.engine import Database
from libs.common.errors import BadPageToken, NotFound, TenantDenied
from libs.common.names import distribution_name, parse, tenant_name
from libs.common.paging import page_position, page_size, page_token
from libs.common.rpc.identity import current_caller
from services.distributor.api.download import chunks, own_run
from services.distributor.collect.schedule import Collections
from services.distributor.downloads import Downloads
from services.distributor.store import distributions
from services.distributor.targets import State, Target

USUAL_PAGE = 100
MOST_PAGE = 1000
MOST_FILES = (
    10_000  # with paths of the greatest length a page of so many is 3.5 MiB, under the limit of a message
)

_Context = grpc.aio.ServicerContext[Any, Any]
_STATES = MappingProxyType(
    {
        State.RUNNING: Distribution.STATE_RUNNING,
        State.SUCCEEDED: Distribution.STATE_SUCCEEDED,
        State.FAILED: Distribution.STATE_FAILED,
    }
)


class Distributions(DistributionServiceServicer):
    """Deliveries and bundles of the caller's tenant; scopes stand in libs/common/rpc/access.py."""

    def __init__(self, database: Database, downloads: Downloads, collections: Collections) -> None:
        """Take database, downloads and collection."""
        self._database = database
        self._downloads = downloads
        self._collections = collections

    async def ListDistributions(
        self, request: ListDistributionsRequest, context: _Context
    ) -> ListDistributionsResponse:
        """Return a page of a run's deliveries, or of all, newest first."""
        tenant = current_caller().tenant
        run = _list_parent(request.parent, tenant)
        scope = ("distributions", tenant, run or "")
        size = page_size(request.page_size, USUAL_PAGE, MOST_PAGE)
        after = _after(page_position(scope, request.page_token, 3))
        async with self._database.tenant(tenant) as connection:
            found = await distributions.page(connection, tenant, run, after, size + 1)
        more = page_token(scope, _position(found[size - 1])) if len(found) > size else ""
        shown = [_distribution(tenant, target) for target in found[:size]]
        return ListDistributionsResponse(distributions=shown, next_page_token=more)

    async def GetDistribution(self, request: GetDistributionRequest, context: _Context) -> Distribution:
        """Return one delivery."""
        tenant = current_caller().tenant
        named_tenant, run, target = parse("name", request.name, "tenants", "runs", "distributions")
        found = None
        if named_tenant == tenant:
            async with self._database.tenant(tenant) as connection:
                found = await distributions.find(connection, tenant, run, target)
        if found is None:
            raise NotFound(resource="distribution", name=f"{run}/{target}")
        return _distribution(tenant, found)

    async def ListBundleFiles(
        self, request: ListBundleFilesRequest, context: _Context
    ) -> ListBundleFilesResponse:
        """Return a page of a bundle's files, by path; a token is good for this very bundle alone."""
        tenant = current_caller().tenant
        bundle = await self._downloads.bundle(tenant, own_run(request.parent, tenant))
        layout = await self._downloads.layout(tenant, bundle)
        scope = ("files", tenant, bundle.run, bundle.tar_digest)
        size = page_size(request.page_size, MOST_FILES, MOST_FILES)
        after = page_position(scope, request.page_token, 1)
        start = 0 if after is None else bisect_right(layout.files, after[0], key=lambda file: file.path)
        shown = layout.files[start : start + size]
        more = page_token(scope, (shown[-1].path,)) if start + size < len(layout.files) else ""
        files = [BundleFile(path=file.path, digest=file.digest, bytes=file.size) for file in shown]
        return ListBundleFilesResponse(
            files=files, digest=bundle.tar_digest, bytes=bundle.tar_bytes, next_page_token=more
        )

    async def Download(self, request: DownloadRequest, context: _Context) -> AsyncIterator[DownloadChunk]:
        """Stream the whole tar or one file from an offset."""
        async for chunk in chunks(self._downloads, request, current_caller().tenant):
            yield chunk

    async def CollectBlobs(self, request: CollectBlobsRequest, context: _Context) -> CollectBlobsResponse:
        """Collect the tenant's blobs, or say what would go."""
        tenant = current_caller().tenant
        _list_parent(request.parent or tenant_name(tenant), tenant)
        grace = request.grace_seconds if request.HasField("grace_seconds") else None
        tally = await self._collections.now(tenant, grace, is_trial=request.validate_only)
        return CollectBlobsResponse(
            examined=tally.examined,
            live=tally.live,
            young=tally.young,
            collected=tally.collected,
            collected_bytes=tally.collected_bytes,
            notes=tally.notes,
            remains=tally.remains,
            digests=tally.digests,
            complete=tally.complete,
        )


def _list_parent(parent: str, tenant: str) -> str | None:
    """Return the run whose deliveries are wanted, or None for all of the tenant."""
    run = None
    if parent.count("/") > 1:
        named_tenant, run = parse("parent", parent, "tenants", "runs")
    else:
        (named_tenant,) = parse("parent", parent, "tenants")
    if named_tenant != tenant:
        raise TenantDenied
    return run


def _position(target: Target) -> tuple[str, str, str]:
    return (target.created.isoformat(), target.run, target.target)


def _after(position: tuple[str, ...] | None) -> tuple[datetime, str, str] | None:
    if position is None:
        return None
    try:
        moment = datetime.fromisoformat(position[0])
    except ValueError as error:
        raise BadPageToken from error
    if moment.tzinfo is None:
        raise BadPageToken
    return moment, position[1], position[2]


def _distribution(tenant: str, target: Target) -> Distribution:
    made = Distribution(
        name=distribution_name(tenant, target.run, target.target),
        driver=target.driver,
        state=_STATES[target.state],
        attempts=target.attempts,
        create_time=_timestamp(target.created),
        update_time=_timestamp(target.updated),
    )
    if target.outcome is not None:
        made.digest, made.bytes = target.outcome.digest, target.outcome.size
        made.reference = target.outcome.reference
    if target.fault is not None:
        made.error.CopyFrom(
            RunError(
                code=target.fault.code,
                message=target.fault.message,
                cure=target.fault.cure,
                stage=Run.STAGE_DISTRIBUTING,
            )
        )
    return made


def _timestamp(moment: datetime) -> Timestamp:
    timestamp = Timestamp()
    timestamp.FromDatetime(moment)
    return timestamp
