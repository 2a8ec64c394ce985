"""A Findings Ledger of made-up records, served over real gRPC behind the real guard; it may misbehave."""

from __future__ import annotations

import asyncio
import bisect
import time
from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import grpc
from stellaops.evidence.v1 import ledger_pb2, ledger_pb2_grpc
from stellaops.export.v1.digests_pb2 import Codec

from libs.common.canon.encode import encode
from libs.common.digests import sha256_digest
from libs.common.errors import SnapshotGone, Unavailable, Unimplemented
from libs.common.rpc.access import SERVICE
from libs.common.rpc.client import ServiceIdentity, open_channel
from libs.common.rpc.server import Server
from libs.common.rpc.tokens import TokenIssuer
from libs.common.segments.cut import Record, cut
from libs.common.segments.frame import Frame, library_version, make_frame
from libs.common.segments.plain import plain_documents, plain_sources
from libs.common.settings import ServiceSettings
from services.adapter_host.messages import KIND_NAMES, KIND_NUMBERS
from services.adapter_host.sources.ledger import Ledger
from tests.kit.times import DAY

TENANT = "acme"
SNAPSHOT = "snapshot-1"
LEVEL = 3
PAGE = 7  # small, so that listings have pages
CHUNK_BYTES = 100  # small, so that frames and records come in pieces

Datasets = Mapping[tuple[str, str], Sequence[Record]]


def made_up(key: str, document: object | None = None) -> Record:
    """Return a record with its line of sources."""
    line = encode({"id": key, "text": f"made up: {key}"} if document is None else document)
    uri = f"https://example.org/{key}.json"
    source = encode({"digest": sha256_digest(line), "key": key, "uri": uri})
    return Record(key.encode(), line, source, b"", None)


def in_order(records: Iterable[Record]) -> list[Record]:
    """Return records in order of key."""
    return sorted(records, key=lambda record: record.key)


@dataclass
class Upstream(ledger_pb2_grpc.LedgerServiceServicer):
    """Serves the datasets as one snapshot; what was asked is counted in `asked`."""

    datasets: Datasets
    level: int = LEVEL
    lists_segments: bool = True
    spoiled: dict[str, bytes] = field(default_factory=dict)  # frames that are sent with other bytes
    interrupt_after: int = 0  # batches after which a stream of records breaks, each time
    gate: asyncio.Event | None = None  # frames are sent once it is set
    waiting: asyncio.Event = field(default_factory=asyncio.Event)  # somebody waits at the gate
    asked: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.segments: dict[tuple[str, str], list[ledger_pb2.Segment]] = {}
        self.frames: dict[str, bytes] = {}
        for (kind, source), records in self.datasets.items():
            cuts = [self._segment(chosen) for chosen in cut(kind, records)]
            self.segments[kind, source] = cuts

    def _segment(self, records: Sequence[Record]) -> ledger_pb2.Segment:
        return ledger_pb2.Segment(
            first_key=records[0].key,
            last_key=records[-1].key,
            records=len(records),
            documents=self._frame(plain_documents(records)),
            sources=self._frame(plain_sources(records)),
        )

    def _frame(self, plain: bytes) -> ledger_pb2.Frame:
        frame, stored = make_frame(plain, self.level)
        self.frames[frame.stored_digest] = stored
        return frame_message(frame)

    async def OpenSnapshot(  # noqa: N802 - named by the contract
        self, request: ledger_pb2.OpenSnapshotRequest, context: Any
    ) -> ledger_pb2.Snapshot:
        del request, context
        return ledger_pb2.Snapshot(id=SNAPSHOT, sequence=1, datasets=self._described())

    async def ReleaseSnapshot(  # noqa: N802 - named by the contract
        self, request: ledger_pb2.ReleaseSnapshotRequest, context: Any
    ) -> ledger_pb2.ReleaseSnapshotResponse:
        del context
        _check(request.snapshot_id)
        return ledger_pb2.ReleaseSnapshotResponse()

    async def GetStatus(  # noqa: N802 - named by the contract
        self, request: ledger_pb2.GetStatusRequest, context: Any
    ) -> ledger_pb2.Status:
        del request, context
        return ledger_pb2.Status(
            sequence=1, datasets=[ledger_pb2.DatasetStatus(dataset=each) for each in self._described()]
        )

    async def ListQuarantine(  # noqa: N802 - named by the contract
        self, request: ledger_pb2.ListQuarantineRequest, context: Any
    ) -> ledger_pb2.ListQuarantineResponse:
        del request, context
        return ledger_pb2.ListQuarantineResponse()

    def _described(self) -> list[ledger_pb2.Dataset]:
        return [
            ledger_pb2.Dataset(
                kind=KIND_NUMBERS[kind],
                source=source,
                records=len(records),
                segments=len(self.segments[kind, source]) if self.lists_segments else 0,
                plain_bytes=len(plain_documents(records)),
                digest=sha256_digest(plain_documents(records)),
            )
            for (kind, source), records in sorted(self.datasets.items())
        ]

    async def ListSegments(  # noqa: N802 - named by the contract
        self, request: ledger_pb2.ListSegmentsRequest, context: Any
    ) -> ledger_pb2.ListSegmentsResponse:
        del context
        self.asked.append("ListSegments")
        if not self.lists_segments:
            raise Unimplemented(method="ListSegments")
        _check(request.snapshot_id)
        found = [
            segment
            for segment in self.segments[KIND_NAMES[request.kind], request.source]
            if segment.last_key >= request.start and (not request.end or segment.first_key < request.end)
        ]
        begin = int(request.page_token or 0)
        page = found[begin : begin + PAGE]
        return ledger_pb2.ListSegmentsResponse(
            segments=page,
            codec=Codec(name="zstd", level=self.level, library=library_version()),
            next_page_token=str(begin + PAGE) if begin + PAGE < len(found) else "",
        )

    async def StreamSegments(  # noqa: N802 - named by the contract
        self, request: ledger_pb2.StreamSegmentsRequest, context: Any
    ) -> AsyncIterator[ledger_pb2.SegmentChunk]:
        del context
        _check(request.snapshot_id)
        for digest in request.stored_digests:
            self.asked.append(digest)
            if self.gate is not None:
                self.waiting.set()
                await self.gate.wait()
            data = self.spoiled.get(digest, self.frames[digest])
            for start in range(0, len(data), CHUNK_BYTES):
                piece = data[start : start + CHUNK_BYTES]
                last = start + CHUNK_BYTES >= len(data)
                yield ledger_pb2.SegmentChunk(stored_digest=digest, data=piece, last=last)

    async def StreamRecords(  # noqa: N802 - named by the contract
        self, request: ledger_pb2.StreamRecordsRequest, context: Any
    ) -> AsyncIterator[ledger_pb2.RecordBatch]:
        del context
        self.asked.append("StreamRecords")
        _check(request.snapshot_id)
        chosen = _between(self.datasets[KIND_NAMES[request.kind], request.source], request)
        for number, batch in enumerate(_batches(chosen)):
            if self.interrupt_after and number == self.interrupt_after:
                raise Unavailable(dependency="the ledger", reason="it is told to break off")
            yield batch


def _check(snapshot: str) -> None:
    if snapshot != SNAPSHOT:
        raise SnapshotGone(snapshot=snapshot)


def _between(records: Sequence[Record], request: ledger_pb2.StreamRecordsRequest) -> Sequence[Record]:
    keys = [record.key for record in records]
    begin = bisect.bisect_left(keys, request.start)
    if request.resume_after:
        begin = max(begin, bisect.bisect_right(keys, request.resume_after))
    return records[begin : bisect.bisect_left(keys, request.end) if request.end else None]


def _batches(records: Sequence[Record]) -> Iterable[ledger_pb2.RecordBatch]:
    """Yield three records at a time; a larger one travels alone, in chunks."""
    waiting: list[Record] = []
    for record in records:
        if len(record.document) <= CHUNK_BYTES:
            waiting.append(record)
        if waiting and (len(waiting) == 3 or len(record.document) > CHUNK_BYTES):
            yield _batch(waiting)
            waiting = []
        if len(record.document) > CHUNK_BYTES:
            yield from _chunks(record)
    if waiting:
        yield _batch(waiting)


def _batch(records: Sequence[Record]) -> ledger_pb2.RecordBatch:
    return ledger_pb2.RecordBatch(
        documents=plain_documents(records), sources=plain_sources(records), records=len(records)
    )


def _chunks(record: Record) -> Iterable[ledger_pb2.RecordBatch]:
    line = record.document + b"\n"
    for start in range(0, len(line), CHUNK_BYTES):
        last = start + CHUNK_BYTES >= len(line)
        yield ledger_pb2.RecordBatch(
            documents=line[start : start + CHUNK_BYTES],
            sources=record.source + b"\n" if last else b"",
            records=int(last),
            partial=not last,
        )


def frame_message(frame: Frame) -> ledger_pb2.Frame:
    """Return a frame as the contract states it."""
    return ledger_pb2.Frame(
        plain_digest=frame.plain_digest,
        plain_bytes=frame.plain_bytes,
        stored_digest=frame.stored_digest,
        stored_bytes=frame.stored_bytes,
    )


def write_keys(folder: Path) -> None:
    """Write the public keys of an issuer, and a service token of it, into a folder."""
    issuer = TokenIssuer.create("https://issuer.test", "export-center")
    now = int(time.time())
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "jwks").write_text(issuer.jwks())
    (folder / "token").write_text(issuer.issue("service:adapter_host", ["*"], [SERVICE], now, now + DAY))


@asynccontextmanager
async def served(upstream: Upstream, folder: Path) -> AsyncIterator[Ledger]:
    """Serve an upstream and return a client of it; `folder` is for keys and tokens."""
    write_keys(folder)
    settings = ServiceSettings(
        blobs_url="", jwks_file=str(folder / "jwks"), token_issuer="https://issuer.test"
    )
    server = Server(settings)
    ledger_pb2_grpc.add_LedgerServiceServicer_to_server(upstream, server.grpc)
    address = await server.start([])
    channel: grpc.aio.Channel = open_channel(address, settings)
    try:
        yield Ledger(channel, ServiceIdentity(str(folder / "token")))
    finally:
        await channel.close(None)
        await server.grpc.stop(0)
