"""The two services over gRPC: what they answer, how they page, what they refuse."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import grpc
import pytest
from google.protobuf.timestamp_pb2 import Timestamp
from stellaops.evidence.v1 import imports_pb2, ledger_pb2
from stellaops.evidence.v1.imports_pb2_grpc import ImportServiceStub, add_ImportServiceServicer_to_server
from stellaops.evidence.v1.ledger_pb2_grpc import LedgerServiceStub, add_LedgerServiceServicer_to_server
from stellaops.export.v1.selectors_pb2 import (
    RECORD_KIND_ADVISORY,
    RECORD_KIND_SBOM,
    RECORD_KIND_UNSPECIFIED,
    RECORD_KIND_VEX,
    RecordKind,
)

from libs.common.digests import sha256_digest
from libs.common.rpc.server import Server
from libs.common.rpc.status import error_info
from libs.common.rpc.tokens import TokenIssuer
from libs.common.segments.frame import decompress
from libs.common.settings import ServiceSettings
from services.evidence.api.imports import Imports
from services.evidence.api.ledger import Ledger
from services.evidence.importing.incoming import FileBegins
from tests.kit import evidence
from tests.kit.ledger import TestLedger
from tests.kit.times import DAY

ISSUER = TokenIssuer.create("https://issuer.test", "export-center")
MANY = range(1, 1500)


def metadata(*scopes: str, tenant: str = "acme") -> tuple[tuple[str, str], ...]:
    now = int(time.time())
    return (("authorization", "Bearer " + ISSUER.issue("ann", [tenant], scopes, now, now + DAY)),)


IMPORT = metadata("evidence:import")
READ = metadata("evidence:read")
SERVICE = metadata("service")


@dataclass
class Doors:
    imports: Any
    ledger: Any

    async def take(
        self,
        contents: dict[str, bytes],
        spec: imports_pb2.ImportSpec | None = None,
        tenant: tuple[tuple[str, str], ...] = IMPORT,
    ) -> list[imports_pb2.ImportProgress]:
        call = self.imports.Import(requests(contents, spec), metadata=tenant)
        return [progress async for progress in call]

    async def open(self, holder: str = "") -> ledger_pb2.Snapshot:
        request = ledger_pb2.OpenSnapshotRequest(holder=holder)
        answer: ledger_pb2.Snapshot = await self.ledger.OpenSnapshot(request, metadata=SERVICE)
        return answer

    async def pages(self, snapshot_id: str, page_size: int) -> list[list[ledger_pb2.Segment]]:
        request = ledger_pb2.ListSegmentsRequest(
            snapshot_id=snapshot_id, kind=RECORD_KIND_ADVISORY, source="osv", page_size=page_size
        )
        pages = []
        while True:
            page = await self.ledger.ListSegments(request, metadata=SERVICE)
            pages.append(list(page.segments))
            if not page.next_page_token:
                return pages
            request.page_token = page.next_page_token


END = imports_pb2.ImportRequest(end=imports_pb2.ImportEnd())


def requests(
    contents: dict[str, bytes], spec: imports_pb2.ImportSpec | None
) -> Iterator[imports_pb2.ImportRequest]:
    yield imports_pb2.ImportRequest(spec=spec or imports_pb2.ImportSpec())
    for part in evidence.parts(contents):
        if isinstance(part, FileBegins):
            yield imports_pb2.ImportRequest(file=imports_pb2.FileStart(name=part.name))
        else:
            yield imports_pb2.ImportRequest(data=part)
    yield END


def feed(*numbers: int) -> dict[str, bytes]:
    return {"osv.jsonl": b"\n".join(evidence.raw(evidence.osv(number)) for number in numbers)}


@pytest.fixture
async def doors(ledger: TestLedger, tmp_path: Path) -> AsyncIterator[Doors]:
    (tmp_path / "jwks").write_text(json.dumps(json.loads(ISSUER.jwks())))
    server = Server(
        ServiceSettings(blobs_url="", jwks_file=str(tmp_path / "jwks"), token_issuer="https://issuer.test")
    )
    imports = Imports(ledger.importer, ledger.deleter, ledger.clock, stall_seconds=0.5)
    add_ImportServiceServicer_to_server(imports, server.grpc)
    add_LedgerServiceServicer_to_server(Ledger(ledger.reader), server.grpc)
    async with grpc.aio.insecure_channel(await server.start([])) as channel:
        yield Doors(ImportServiceStub(channel), LedgerServiceStub(channel))
    await server.grpc.stop(0)


async def refused(call: Any) -> str:
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        async for _ in call:
            pass
    info = error_info(caught.value)
    return info.reason if info else caught.value.code().name


async def test_an_import_ends_with_its_result(doors: Doors) -> None:
    contents = feed(1, 2) | {
        "boms/a.json": evidence.raw(evidence.cyclonedx(components=[{}])),
        "boms/b.json": b"{",
    }
    *before, last = await doors.take(contents)
    assert all(not progress.HasField("result") for progress in before)
    assert last.phase == imports_pb2.ImportProgress.PHASE_DONE
    assert last.bytes_read == sum(map(len, contents.values()))
    assert (last.records_read, last.records_merged) == (3, 3)
    assert last.result == imports_pb2.ImportResult(
        sequence=1,
        added=3,
        quarantined=1,
        reasons=[imports_pb2.QuarantineReason(reason="truncated", records=1)],
        datasets=[
            imports_pb2.DatasetChange(kind=RECORD_KIND_ADVISORY, source="osv", added=2),
            imports_pb2.DatasetChange(kind=RECORD_KIND_SBOM, source="boms", added=1),
        ],
    )


async def test_the_spec_says_how_files_are_read(doors: Doors) -> None:
    as_of = Timestamp(seconds=1_700_000_000)
    spec = imports_pb2.ImportSpec(
        source="mine",
        kind=RECORD_KIND_VEX,
        id_field="no",
        key="id+path",
        uri_prefix="https://example.com/",
        as_of=as_of,
    )
    (*_, last) = await doors.take({"a.json": b'{"no":7}'}, spec)
    assert last.result.added == 1
    snapshot = await doors.open()
    assert (snapshot.datasets[0].kind, snapshot.datasets[0].source) == (RECORD_KIND_VEX, "mine")
    assert snapshot.as_of == as_of
    request = ledger_pb2.StreamRecordsRequest(snapshot_id=snapshot.id, kind=RECORD_KIND_VEX, source="mine")
    (batch,) = [batch async for batch in doors.ledger.StreamRecords(request, metadata=SERVICE)]
    assert batch.documents == b'{"no":7}\n'
    line = json.loads(batch.sources)
    assert (line["key"], line["uri"]) == ("7@a.json", "https://example.com/a.json")


async def test_segments_are_listed_in_pages_and_streamed_whole(doors: Doors) -> None:
    await doors.take(feed(*MANY))
    snapshot = await doors.open()
    pages = await doors.pages(snapshot.id, 1)
    segments = [segment for page in pages for segment in page]
    assert len(segments) > 1
    assert [segment for page in await doors.pages(snapshot.id, 0) for segment in page] == segments
    assert sum(segment.records for segment in segments) == len(MANY)
    frames = [frame for segment in segments for frame in (segment.documents, segment.sources)]
    request = ledger_pb2.StreamSegmentsRequest(
        snapshot_id=snapshot.id, stored_digests=[frame.stored_digest for frame in frames]
    )
    received: dict[str, bytes] = {}
    async for chunk in doors.ledger.StreamSegments(request, metadata=SERVICE):
        received[chunk.stored_digest] = received.get(chunk.stored_digest, b"") + chunk.data
    for frame in frames:
        assert sha256_digest(received[frame.stored_digest]) == frame.stored_digest
        plain = decompress(received[frame.stored_digest], frame.plain_bytes)
        assert sha256_digest(plain) == frame.plain_digest
    documents = b"".join(
        decompress(received[segment.documents.stored_digest], segment.documents.plain_bytes)
        for segment in segments
    )
    stream = ledger_pb2.StreamRecordsRequest(snapshot_id=snapshot.id, kind=RECORD_KIND_ADVISORY, source="osv")
    batches = [batch async for batch in doors.ledger.StreamRecords(stream, metadata=SERVICE)]
    assert b"".join(batch.documents for batch in batches) == documents
    assert sum(batch.records for batch in batches) == len(MANY)


async def test_a_page_token_is_good_for_its_list_alone(doors: Doors) -> None:
    await doors.take(feed(*MANY))
    snapshot = await doors.open()
    request = ledger_pb2.ListSegmentsRequest(
        snapshot_id=snapshot.id, kind=RECORD_KIND_ADVISORY, source="osv", page_size=1
    )
    page = await doors.ledger.ListSegments(request, metadata=SERVICE)
    for token, start in [("broken", b""), (page.next_page_token, b"T")]:
        request.page_token, request.start = token, start
        with pytest.raises(grpc.aio.AioRpcError, match="page token"):
            await doors.ledger.ListSegments(request, metadata=SERVICE)


async def test_status_says_what_there_is(doors: Doors) -> None:
    assert await doors.ledger.GetStatus(ledger_pb2.GetStatusRequest(), metadata=READ) == ledger_pb2.Status()
    await doors.take(feed(1, 2) | {"bad/x.json": b"{}"})
    request = imports_pb2.DeleteRecordsRequest(
        kind=RECORD_KIND_ADVISORY, source="osv", keys=["TEST-2024-1", "none"]
    )
    answer = await doors.imports.DeleteRecords(request, metadata=IMPORT)
    assert (answer.sequence, answer.removed) == (2, 1)
    status = await doors.ledger.GetStatus(ledger_pb2.GetStatusRequest(), metadata=READ)
    (state,) = status.datasets
    assert (status.sequence, state.dataset.records, state.tombstones) == (2, 1, 1)
    assert state.stored_bytes > 0
    assert state.update_time.seconds > 0
    assert list(status.quarantined) == [
        ledger_pb2.QuarantineCount(source="bad", reason="unrecognised-document", records=1)
    ]


async def test_the_quarantine_is_listed_newest_first_in_pages(doors: Doors) -> None:
    await doors.take({"q.jsonl": b"1\n2\n3", "other.jsonl": b"4"})
    request = ledger_pb2.ListQuarantineRequest(source="q", page_size=2)
    first = await doors.ledger.ListQuarantine(request, metadata=READ)
    request.page_token = first.next_page_token
    second = await doors.ledger.ListQuarantine(request, metadata=READ)
    locations = [record.location for page in (first, second) for record in page.records]
    assert locations == ["q.jsonl:3", "q.jsonl:2", "q.jsonl:1"]
    assert second.next_page_token == ""
    assert second.records[0].reason == "unrecognised-document"
    assert second.records[0].detail
    assert second.records[0].digest == sha256_digest(b"1")
    everything = await doors.ledger.ListQuarantine(ledger_pb2.ListQuarantineRequest(), metadata=READ)
    assert [record.source for record in everything.records] == ["other", "q", "q", "q"]


FUTURE = Timestamp(seconds=32_503_680_000)
SPEC_AGAIN = [imports_pb2.ImportRequest(spec=imports_pb2.ImportSpec())] * 2


@pytest.mark.parametrize(
    ("sent", "field"),
    [
        ([], "spec"),
        ([imports_pb2.ImportRequest(data=b"x")], "spec"),
        ([*SPEC_AGAIN], "spec"),
        ([imports_pb2.ImportRequest()], "spec"),
        ([SPEC_AGAIN[0], imports_pb2.ImportRequest(data=b"x")], "data"),
        ([imports_pb2.ImportRequest(spec=imports_pb2.ImportSpec(as_of=FUTURE))], "spec.as_of"),
        ([imports_pb2.ImportRequest(spec=imports_pb2.ImportSpec(source="UPPER"))], "spec.source"),
        ([imports_pb2.ImportRequest(spec=imports_pb2.ImportSpec(key="other"))], "spec.key"),
        ([SPEC_AGAIN[0], imports_pb2.ImportRequest(file=imports_pb2.FileStart())], "file.name"),
        ([SPEC_AGAIN[0]], "end"),
        (list(requests(feed(1), None))[:-1], "end"),
    ],
    ids=[
        "nothing",
        "data first",
        "spec again",
        "empty",
        "bytes of no file",
        "future",
        "source",
        "key",
        "name",
        "no end",
        "cut off before the end",
    ],
)
async def test_an_import_that_breaks_the_order_or_a_rule_names_the_field(
    doors: Doors, sent: list[imports_pb2.ImportRequest], field: str
) -> None:
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        async for _ in doors.imports.Import(iter(sent), metadata=IMPORT):
            pass
    info = error_info(caught.value)
    assert info is not None
    assert (info.reason, info.metadata["field"]) == ("ERR_EXPORT_INVALID", field)


@pytest.mark.parametrize(
    "kind", [RECORD_KIND_UNSPECIFIED, RecordKind.ValueType(99)], ids=["unspecified", "unknown"]
)
async def test_a_kind_that_is_none_is_refused(doors: Doors, kind: RecordKind.ValueType) -> None:
    with pytest.raises(grpc.aio.AioRpcError, match="not valid"):
        await doors.ledger.OpenSnapshot(ledger_pb2.OpenSnapshotRequest(kinds=[kind]), metadata=SERVICE)


async def test_broken_input_is_answered_with_its_place(doors: Doors) -> None:
    call = doors.imports.Import(requests({"a.zip": b"no zip"}, None), metadata=IMPORT)
    with pytest.raises(grpc.aio.AioRpcError, match=r"`a\.zip` cannot be read"):
        async for _ in call:
            pass


async def test_each_method_asks_for_its_scope(doors: Doors) -> None:
    everything = metadata("export:read", "export:admin")
    with pytest.raises(grpc.aio.AioRpcError, match="evidence:read"):
        await doors.ledger.GetStatus(ledger_pb2.GetStatusRequest(), metadata=everything)
    with pytest.raises(grpc.aio.AioRpcError, match="service"):
        await doors.ledger.OpenSnapshot(ledger_pb2.OpenSnapshotRequest(), metadata=READ)
    assert await refused(doors.imports.Import(iter(()), metadata=READ)) == "ERR_EXPORT_DENIED"


async def test_a_snapshot_of_another_tenant_is_not_there(doors: Doors) -> None:
    await doors.take(feed(1))
    snapshot = await doors.open("run-1")
    digest = (await doors.pages(snapshot.id, 0))[0][0].documents.stored_digest
    other = metadata("service", tenant="beta")
    request = ledger_pb2.StreamSegmentsRequest(snapshot_id=snapshot.id, stored_digests=[digest])
    assert await refused(doors.ledger.StreamSegments(request, metadata=other)) == "ERR_EXPORT_SNAPSHOT_GONE"
    assert await refused(doors.ledger.StreamSegments(request, metadata=READ)) == "ERR_EXPORT_DENIED"
    await doors.ledger.ReleaseSnapshot(
        ledger_pb2.ReleaseSnapshotRequest(snapshot_id=snapshot.id, holder="run-1"), metadata=other
    )
    assert (await doors.open("run-1")).id == snapshot.id


async def test_a_sender_that_sends_nothing_loses_its_slot(doors: Doors) -> None:
    async def stuck() -> AsyncIterator[imports_pb2.ImportRequest]:
        yield imports_pb2.ImportRequest(spec=imports_pb2.ImportSpec())
        await asyncio.Event().wait()

    assert await refused(doors.imports.Import(stuck(), metadata=IMPORT)) == "ERR_EXPORT_UNAVAILABLE"
    assert (await doors.take(feed(1)))[-1].result.added == 1


async def test_a_call_that_is_given_up_changes_nothing(doors: Doors) -> None:
    async def endless() -> AsyncIterator[imports_pb2.ImportRequest]:
        for request in requests(feed(*MANY), None):
            if request != END:
                yield request
        while True:
            yield imports_pb2.ImportRequest(data=b"\n" * 1000)

    call = doors.imports.Import(endless(), metadata=IMPORT)
    assert isinstance(await call.read(), imports_pb2.ImportProgress)
    call.cancel()
    (*_, last) = await doors.take(feed(1))
    assert (last.result.sequence, last.result.added) == (1, 1)
