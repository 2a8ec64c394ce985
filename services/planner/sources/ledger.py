"""Reads the Findings Ledger: pins snapshots, lists their segments, lets go of them."""

from __future__ import annotations

from collections.abc import Sequence

import grpc
from stellaops.evidence.v1 import ledger_pb2
from stellaops.evidence.v1.ledger_pb2_grpc import LedgerServiceStub
from stellaops.export.v1.selectors_pb2 import RecordKind

from libs.common.bundle.layout import SOURCE
from libs.common.digests import BadDigest, parse_digest
from libs.common.errors import EvidenceCorrupt, TooLarge
from libs.common.rpc.client import ServiceIdentity
from libs.common.rpc.status import from_rpc_error
from services.planner.runs.evidence import Dataset, Segment, Snapshot
from services.planner.sources.call import Call
from services.planner.wire.spec import kind_name, kind_number
from services.planner.wire.times import BadTime, time_text

DEPENDENCY = "the evidence service"
PAGE_SIZE = 1000  # with keys of up to 1 KiB a page stays under the 4 MiB of a message
# A provenance names every dataset in about 300 bytes, and travels in one message under the bus's 1 MiB.
MAX_DATASETS = 2_000
MAX_KEY_BYTES = 4096  # what the contract takes as the start of a range
KINDS = frozenset(RecordKind.values()) - {RecordKind.RECORD_KIND_UNSPECIFIED}
MAX_SEGMENTS = 2_000_000  # about two terabytes in one dataset: what is over it is a fault of the upstream


class Ledger:
    """A client of the upstream's LedgerService; what it answers is checked before anything relies on it."""

    def __init__(self, channel: grpc.aio.Channel, identity: ServiceIdentity) -> None:
        self._stub = LedgerServiceStub(channel)
        self._identity = identity

    async def open(self, call: Call, kinds: Sequence[str], sources: Sequence[str], holder: str) -> Snapshot:
        """Pin the current evidence, once for each holder; datasets without records fall away."""
        request = ledger_pb2.OpenSnapshotRequest(
            kinds=[kind_number(kind) for kind in kinds], sources=sources, holder=holder
        )
        try:
            answer = await self._stub.OpenSnapshot(
                request, metadata=self._identity.metadata(call.tenant), timeout=call.seconds
            )
        except grpc.RpcError as error:
            raise from_rpc_error(error, DEPENDENCY) from error
        if len(answer.datasets) > MAX_DATASETS:
            raise TooLarge(
                what=f"The evidence with its {len(answer.datasets):,} datasets", limit=f"{MAX_DATASETS:,}"
            )
        datasets = tuple(_dataset(dataset) for dataset in answer.datasets if dataset.records)
        if len({dataset.name for dataset in datasets}) < len(datasets):
            raise EvidenceCorrupt(dataset="the snapshot", reason="it lists a dataset twice")
        return Snapshot(
            answer.id, _digest("the snapshot", answer.digest), _time("the snapshot", answer), datasets
        )

    async def release(self, call: Call, snapshot_id: str, holder: str) -> None:
        """Let go of a snapshot; one that is gone already is fine."""
        request = ledger_pb2.ReleaseSnapshotRequest(snapshot_id=snapshot_id, holder=holder)
        try:
            await self._stub.ReleaseSnapshot(
                request, metadata=self._identity.metadata(call.tenant), timeout=call.seconds
            )
        except grpc.RpcError as error:
            if error.code() is not grpc.StatusCode.NOT_FOUND:
                raise from_rpc_error(error, DEPENDENCY) from error

    async def abandon(self, call: Call, holder: str) -> None:
        """Let go of whatever is pinned for a holder, who may have died before it knew what that is."""
        request = ledger_pb2.OpenSnapshotRequest(holder=holder)
        try:
            found = await self._stub.OpenSnapshot(
                request, metadata=self._identity.metadata(call.tenant), timeout=call.seconds
            )
        except grpc.RpcError as error:
            raise from_rpc_error(error, DEPENDENCY) from error
        await self.release(call, found.id, holder)

    async def segments(self, call: Call, snapshot_id: str, dataset: Dataset) -> list[Segment] | None:
        """Return all segments of a dataset in order, or None where the upstream does not list segments."""
        request = ledger_pb2.ListSegmentsRequest(
            snapshot_id=snapshot_id,
            kind=kind_number(dataset.kind),
            source=dataset.source,
            page_size=PAGE_SIZE,
        )
        found: list[Segment] = []
        while True:
            try:
                page = await self._stub.ListSegments(
                    request, metadata=self._identity.metadata(call.tenant), timeout=call.seconds
                )
            except grpc.RpcError as error:
                if error.code() is grpc.StatusCode.UNIMPLEMENTED:
                    return None
                raise from_rpc_error(error, DEPENDENCY) from error
            for message in page.segments:
                _append(found, dataset, message)
            if not page.next_page_token:
                return found
            request.page_token = page.next_page_token


def _append(found: list[Segment], dataset: Dataset, message: ledger_pb2.Segment) -> None:
    if found and message.first_key <= found[-1].first_key:
        raise EvidenceCorrupt(dataset=dataset.name, reason="its segments are not listed in ascending order")
    if len(message.first_key) > MAX_KEY_BYTES:
        raise EvidenceCorrupt(dataset=dataset.name, reason=f"it has a key of over {MAX_KEY_BYTES} bytes")
    if len(found) == MAX_SEGMENTS:
        raise TooLarge(what=f"The list of segments of {dataset.name}", limit=f"{MAX_SEGMENTS:,} entries")
    found.append(
        Segment(
            message.first_key,
            max(message.documents.plain_bytes, 0),
            _digest(dataset.name, message.documents.plain_digest),
            _digest(dataset.name, message.sources.plain_digest),
        )
    )


def _dataset(message: ledger_pb2.Dataset) -> Dataset:
    if message.kind not in KINDS or not SOURCE.fullmatch(message.source):
        raise EvidenceCorrupt(dataset="the snapshot", reason="it lists a dataset of no valid kind and source")
    kind = kind_name(message.kind)
    name = f"{kind}/{message.source}"
    return Dataset(
        kind,
        message.source,
        message.records,
        message.segments,
        max(message.plain_bytes, 0),
        _digest(name, message.digest),
        _time(name, message),
    )


def _digest(dataset: str, text: str) -> str:
    try:
        return parse_digest(text)
    except BadDigest as error:
        raise EvidenceCorrupt(dataset=dataset, reason="the upstream states no valid digest") from error


def _time(dataset: str, message: ledger_pb2.Dataset | ledger_pb2.Snapshot) -> str:
    try:
        return time_text(message.as_of) if message.HasField("as_of") else ""
    except BadTime as error:
        raise EvidenceCorrupt(dataset=dataset, reason=f"its `as_of` is not valid: {error}") from error
