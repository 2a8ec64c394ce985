"""Answers LedgerService: snapshots, segments, records, status, quarantine."""

# ruff: noqa: ARG002, N802 - names and arguments of the methods are those of the contract
from __future__ import annotations

from collections.abc import AsyncIterator, Iterable
from typing import Any

import grpc
from stellaops.evidence.v1 import ledger_pb2
from stellaops.evidence.v1.ledger_pb2_grpc import LedgerServiceServicer
from stellaops.export.v1.digests_pb2 import Codec

from libs.common.errors import BadPageToken
from libs.common.paging import page_position, page_size, page_token
from libs.common.points import reached
from libs.common.rpc.identity import current_caller
from libs.common.segments.frame import library_version
from services.evidence.api import contract
from services.evidence.ledger.reading import Reader
from services.evidence.values import FRAME_LEVEL, KeyRange, Segment

USUAL_SEGMENTS = 1000
MOST_SEGMENTS = 5000
PAGE_BYTES = 2 << 20  # long keys make a page of segments shorter, so that it fits into a message of 4 MiB
SEGMENT_BYTES = 512  # digests and lengths of one segment, in a message
USUAL_QUARANTINE = 100
MOST_QUARANTINE = 1000

_Context = grpc.aio.ServicerContext[Any, Any]


class Ledger(LedgerServiceServicer):
    """The ledger of the caller's tenant; scopes stand in libs/common/rpc/access.py."""

    def __init__(self, reader: Reader) -> None:
        """Take the reader."""
        self._reader = reader

    async def OpenSnapshot(
        self, request: ledger_pb2.OpenSnapshotRequest, context: _Context
    ) -> ledger_pb2.Snapshot:
        """Pin the newest evidence."""
        kinds = [contract.kind_name(f"kinds[{index}]", kind) for index, kind in enumerate(request.kinds)]
        opened = await self._reader.open(current_caller().tenant, kinds, request.sources, request.holder)
        reached("evidence.snapshot_opened")
        return ledger_pb2.Snapshot(
            id=opened.snapshot.id,
            sequence=opened.snapshot.sequence,
            digest=opened.digest,
            as_of=contract.timestamp(opened.as_of),
            datasets=[contract.dataset(version) for version in opened.versions],
        )

    async def ReleaseSnapshot(
        self, request: ledger_pb2.ReleaseSnapshotRequest, context: _Context
    ) -> ledger_pb2.ReleaseSnapshotResponse:
        """Let go of a snapshot; a second time changes nothing."""
        await self._reader.release(current_caller().tenant, request.snapshot_id, request.holder)
        return ledger_pb2.ReleaseSnapshotResponse()

    async def ListSegments(
        self, request: ledger_pb2.ListSegmentsRequest, context: _Context
    ) -> ledger_pb2.ListSegmentsResponse:
        """Return a page of segments in order of key."""
        tenant, name = current_caller().tenant, contract.dataset_name(request)
        bounds = (request.start.hex(), request.end.hex())
        scope = ("segments", tenant, request.snapshot_id, *name, *bounds)
        keys = KeyRange(request.start, request.end, _key(page_position(scope, request.page_token, 1)))
        size = page_size(request.page_size, USUAL_SEGMENTS, MOST_SEGMENTS)
        found = await self._reader.segments(tenant, request.snapshot_id, name, keys, size + 1)
        shown = found[: _fitting(found[:size])]
        more = page_token(scope, (shown[-1].last_key.hex(),)) if len(shown) < len(found) else ""
        return ledger_pb2.ListSegmentsResponse(
            segments=[contract.segment(segment) for segment in shown],
            codec=Codec(name="zstd", level=FRAME_LEVEL, library=library_version()),
            next_page_token=more,
        )

    async def StreamSegments(
        self, request: ledger_pb2.StreamSegmentsRequest, context: _Context
    ) -> AsyncIterator[ledger_pb2.SegmentChunk]:
        """Stream frames of documents and sources, in the order asked for."""
        frames = self._reader.frames(current_caller().tenant, request.snapshot_id, request.stored_digests)
        async for digest, data, is_last in frames:
            yield ledger_pb2.SegmentChunk(stored_digest=digest, data=data, last=is_last)

    async def StreamRecords(
        self, request: ledger_pb2.StreamRecordsRequest, context: _Context
    ) -> AsyncIterator[ledger_pb2.RecordBatch]:
        """Stream records in order of key."""
        keys = KeyRange(request.start, request.end, request.resume_after)
        tenant, name = current_caller().tenant, contract.dataset_name(request)
        async for batch in self._reader.records(tenant, request.snapshot_id, name, keys):
            yield ledger_pb2.RecordBatch(
                documents=batch.documents,
                sources=batch.sources,
                records=batch.records,
                partial=batch.partial,
            )

    async def GetStatus(self, request: ledger_pb2.GetStatusRequest, context: _Context) -> ledger_pb2.Status:
        """Say what the ledger holds."""
        status = await self._reader.status(current_caller().tenant)
        return ledger_pb2.Status(
            sequence=status.sequence,
            datasets=[
                ledger_pb2.DatasetStatus(
                    dataset=contract.dataset(state.version),
                    tombstones=state.tombstones,
                    update_time=contract.timestamp(state.changed_at),
                    stored_bytes=state.version.stored_bytes,
                )
                for state in status.states
            ],
            quarantined=[
                ledger_pb2.QuarantineCount(source=source, reason=reason, records=records)
                for source, reason, records in status.quarantined
            ],
        )

    async def ListQuarantine(
        self, request: ledger_pb2.ListQuarantineRequest, context: _Context
    ) -> ledger_pb2.ListQuarantineResponse:
        """Return a page of what was put aside, newest first."""
        tenant = current_caller().tenant
        scope = ("quarantine", tenant, request.source)
        before = _number(page_position(scope, request.page_token, 1))
        size = page_size(request.page_size, USUAL_QUARANTINE, MOST_QUARANTINE)
        found = await self._reader.quarantined(tenant, request.source, before, size + 1)
        more = page_token(scope, (str(found[size - 1].number),)) if len(found) > size else ""
        return ledger_pb2.ListQuarantineResponse(
            records=[
                ledger_pb2.QuarantinedRecord(
                    source=kept.refused.source,
                    location=kept.refused.location,
                    reason=kept.refused.reason,
                    detail=kept.refused.detail,
                    digest=kept.refused.digest,
                    time=contract.timestamp(kept.put_aside_at),
                )
                for kept in found[:size]
            ],
            next_page_token=more,
        )


def _fitting(segments: Iterable[Segment]) -> int:
    """Return how many segments fit into a page."""
    count = size = 0
    for segment in segments:
        size += len(segment.first_key) + len(segment.last_key) + SEGMENT_BYTES
        if size > PAGE_BYTES:
            break
        count += 1
    return count


def _key(position: tuple[str, ...] | None) -> bytes:
    if position is None:
        return b""
    try:
        return bytes.fromhex(position[0])
    except ValueError as error:
        raise BadPageToken from error


def _number(position: tuple[str, ...] | None) -> int | None:
    if position is None:
        return None
    if not position[0].isascii() or not position[0].isdigit() or len(position[0]) > 18:  # noqa: PLR2004 - a bigint
        raise BadPageToken
    return int(position[0])
