"""Reads a Findings Ledger: lists and streams whole compressed segments, or records where it has none."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator, Sequence
from itertools import islice

import grpc
from stellaops.evidence.v1 import ledger_pb2
from stellaops.evidence.v1.ledger_pb2_grpc import LedgerServiceStub

from libs.common.errors import EvidenceCorrupt
from libs.common.rpc.client import STREAM_DEADLINE_SECONDS, UNARY_DEADLINE_SECONDS, ServiceIdentity
from libs.common.rpc.status import from_rpc_error
from libs.common.segments.cut import Record
from libs.common.segments.frame import Frame
from services.adapter_host.evidence import Codec, KeyRange, Snapshot, Stored
from services.adapter_host.messages import KIND_NUMBERS
from services.adapter_host.sources.listing import Listing
from services.adapter_host.sources.record_lines import RecordLines

PAGE_SEGMENTS = 1000  # a page of them is well under the message limit, even with long keys
FRAMES_A_CALL = 2000  # their digests take 150 KB of the request
MAX_INTERRUPTIONS = 8  # of one record stream; each time it goes on where it was
DEPENDENCY = "the evidence service"


class NoSegments(Exception):
    """The upstream lists no segments; its records are to be streamed."""


class Ledger:
    """One upstream, over one channel."""

    def __init__(self, channel: grpc.aio.Channel, identity: ServiceIdentity) -> None:
        self._stub = LedgerServiceStub(channel)
        self._identity = identity

    async def segments(
        self, snapshot: Snapshot, key_range: KeyRange
    ) -> AsyncGenerator[tuple[Codec, Stored], None]:
        """Yield the segments of a range in order, each with how it is compressed; or raise `NoSegments`."""
        listing = Listing(key_range)
        token = ""
        while True:
            page = await self._page(snapshot, key_range, token)
            codec = listing.codec(page.codec)
            for message in page.segments:
                yield listing.codec_of(message, codec), listing.take(message)
            token = page.next_page_token
            if not token:
                return

    async def _page(
        self, snapshot: Snapshot, key_range: KeyRange, token: str
    ) -> ledger_pb2.ListSegmentsResponse:
        request = ledger_pb2.ListSegmentsRequest(
            snapshot_id=snapshot.id,
            kind=KIND_NUMBERS[key_range.kind],
            source=key_range.source,
            start=key_range.start,
            end=key_range.end,
            page_size=PAGE_SEGMENTS,
            page_token=token,
        )
        metadata = self._identity.metadata(snapshot.tenant)
        try:
            return await self._stub.ListSegments(request, metadata=metadata, timeout=UNARY_DEADLINE_SECONDS)
        except grpc.aio.AioRpcError as error:
            if error.code() is grpc.StatusCode.UNIMPLEMENTED and not token:
                raise NoSegments from error
            raise from_rpc_error(error, DEPENDENCY) from error

    async def frames(
        self, snapshot: Snapshot, dataset: str, wanted: Sequence[Frame]
    ) -> AsyncGenerator[bytes, None]:
        """Yield the stored bytes of frames in the order wanted, each of the stated length."""
        rest = iter(wanted)
        while some := list(islice(rest, FRAMES_A_CALL)):
            request = ledger_pb2.StreamSegmentsRequest(
                snapshot_id=snapshot.id, stored_digests=[frame.stored_digest for frame in some]
            )
            metadata = self._identity.metadata(snapshot.tenant)
            call = self._stub.StreamSegments(request, metadata=metadata, timeout=STREAM_DEADLINE_SECONDS)
            try:
                chunks = aiter(call)
                for frame in some:
                    yield await _frame(chunks, frame, dataset)
            except grpc.aio.AioRpcError as error:
                raise from_rpc_error(error, DEPENDENCY) from error
            finally:
                call.cancel()

    async def records(self, snapshot: Snapshot, key_range: KeyRange) -> AsyncGenerator[Record, None]:
        """Yield the records of a range in order; an interrupted stream goes on after the last whole one."""
        lines = RecordLines(key_range)
        for interruption in range(MAX_INTERRUPTIONS + 1):
            call = self._stub.StreamRecords(
                _records_request(snapshot, key_range, lines.last_key),
                metadata=self._identity.metadata(snapshot.tenant),
                timeout=STREAM_DEADLINE_SECONDS,
            )
            before = lines.last_key
            try:
                async for batch in call:
                    for record in lines.take(batch.documents, batch.sources):
                        yield record
            except grpc.aio.AioRpcError as error:
                is_last = interruption == MAX_INTERRUPTIONS or lines.last_key == before
                if error.code() is not grpc.StatusCode.UNAVAILABLE or is_last:
                    raise from_rpc_error(error, DEPENDENCY) from error
                lines.forget_rest()
            else:
                lines.end()
                return
            finally:
                call.cancel()


async def _frame(chunks: AsyncIterator[ledger_pb2.SegmentChunk], frame: Frame, dataset: str) -> bytes:
    """Return the bytes of the next frame of a stream."""
    data = bytearray()
    async for chunk in chunks:
        if chunk.stored_digest != frame.stored_digest:
            raise EvidenceCorrupt(
                dataset=dataset, reason=f"frame {chunk.stored_digest[:80]} came for {frame.stored_digest}"
            )
        data += chunk.data
        if len(data) > frame.stored_bytes:
            raise EvidenceCorrupt(
                dataset=dataset, reason=f"frame {frame.stored_digest} is longer than stated"
            )
        if chunk.last:
            return bytes(data)
    raise EvidenceCorrupt(dataset=dataset, reason=f"the stream ends before frame {frame.stored_digest} does")


def _records_request(
    snapshot: Snapshot, key_range: KeyRange, resume_after: bytes
) -> ledger_pb2.StreamRecordsRequest:
    return ledger_pb2.StreamRecordsRequest(
        snapshot_id=snapshot.id,
        kind=KIND_NUMBERS[key_range.kind],
        source=key_range.source,
        start=key_range.start,
        end=key_range.end,
        resume_after=resume_after,
    )
