"""The adapter host reads the suite's own evidence service: as segments, and as if it had none."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from stellaops.evidence.v1 import ledger_pb2
from stellaops.evidence.v1.ledger_pb2_grpc import add_LedgerServiceServicer_to_server

from libs.common.errors import CodecUnavailable, Unimplemented
from libs.common.rpc.client import ServiceIdentity, open_channel
from libs.common.rpc.server import Server
from libs.common.settings import ServiceSettings
from services.adapter_host.adapters.json_raw.select import Select
from services.adapter_host.evidence import Codec, Snapshot
from services.adapter_host.host import ShardMade, run_shard
from services.adapter_host.orders import ShardOrder
from services.adapter_host.selection import Selection
from services.adapter_host.sources.ledger import Ledger
from services.evidence.api.ledger import Ledger as LedgerDoor
from services.evidence.ledger.reading import Reader
from tests.kit import evidence
from tests.kit.infrastructure import Postgres, TestDatabase
from tests.kit.ledger import TENANT, TestLedger, open_ledger
from tests.kit.shards import CODEC, open_blobs, whole
from tests.kit.upstream import write_keys


class WithoutSegments(LedgerDoor):
    """The same ledger, as an upstream that knows records alone."""

    async def ListSegments(  # noqa: N802 - named by the contract
        self, request: ledger_pb2.ListSegmentsRequest, context: Any
    ) -> ledger_pb2.ListSegmentsResponse:
        del request, context
        raise Unimplemented(method="ListSegments")


@asynccontextmanager
async def door(kind: type[LedgerDoor], reader: Reader, folder: Path) -> AsyncIterator[Ledger]:
    write_keys(folder)
    settings = ServiceSettings(
        blobs_url="", jwks_file=str(folder / "jwks"), token_issuer="https://issuer.test"
    )
    server = Server(settings)
    add_LedgerServiceServicer_to_server(kind(reader), server.grpc)
    channel = open_channel(await server.start([]), settings)
    try:
        yield Ledger(channel, ServiceIdentity(str(folder / "token")))
    finally:
        await channel.close(None)
        await server.grpc.stop(0)


@pytest.fixture
async def ledger(database: TestDatabase, tmp_path: Path) -> AsyncIterator[TestLedger]:
    database.migrate("evidence")
    async with open_ledger(database, tmp_path / "evidence") as opened:
        yield opened


async def made(
    ledger: TestLedger, kind: type[LedgerDoor], folder: Path, selection: Selection, codec: Codec = CODEC
) -> ShardMade:
    opened = await ledger.open()
    ranges = tuple(whole(version.name.kind, version.name.source) for version in opened.versions)
    transform = None if selection.selects_all else Select(selection)
    order = ShardOrder(Snapshot(TENANT, opened.snapshot.id), ranges, transform, codec)
    async with door(kind, ledger.reader, folder) as client:
        return await run_shard(order, client, open_blobs(folder / "blobs"))


@pytest.mark.parametrize("selection", [Selection(), Selection(ids=("TEST-2024-*1",))], ids=["all", "some"])
async def test_segments_and_records_of_the_evidence_service_give_the_same_shard(
    ledger: TestLedger, tmp_path: Path, selection: Selection
) -> None:
    documents = {f"{number}.json": evidence.raw(evidence.osv(number)) for number in range(1, 1500)}
    documents["big.json"] = evidence.raw(evidence.osv(9001, details="é" * 3_000_000))
    await ledger.take(documents, source="osv")
    listed = await made(ledger, LedgerDoor, tmp_path / "listed", selection)
    streamed = await made(ledger, WithoutSegments, tmp_path / "streamed", selection)
    assert streamed == listed
    assert listed.records > 100


def state_library(postgres: Postgres, database: TestDatabase, library: str, where: str = "true") -> None:
    postgres.execute(
        database.name,
        f"UPDATE evidence.segments SET codec_library = '{library}' WHERE {where}",  # noqa: S608 - a test's own
    )


FIRST = "first_key = (SELECT first_key FROM evidence.segments ORDER BY first_key LIMIT 1)"


@pytest.mark.parametrize("library", ["", "0.0.1"], ids=["unknown", "another"])
async def test_frames_of_another_library_are_made_anew_and_give_the_same_shard(
    ledger: TestLedger, postgres: Postgres, database: TestDatabase, tmp_path: Path, library: str
) -> None:
    documents = {f"{number}.json": evidence.raw(evidence.osv(number)) for number in range(1, 3000)}
    await ledger.take(documents, source="osv")
    taken_over = await made(ledger, LedgerDoor, tmp_path / "one", Selection())
    state_library(postgres, database, library, FIRST)
    made_anew = await made(ledger, LedgerDoor, tmp_path / "two", Selection())
    assert made_anew.output == taken_over.output


async def test_only_what_is_made_anew_needs_the_library(
    ledger: TestLedger, postgres: Postgres, database: TestDatabase, tmp_path: Path
) -> None:
    codec = replace(CODEC, library="9.9.9")
    documents = {f"{number}.json": evidence.raw(evidence.osv(number)) for number in range(1, 3000)}
    await ledger.take(documents, source="osv")
    state_library(postgres, database, codec.library)
    assert (await made(ledger, LedgerDoor, tmp_path / "one", Selection(), codec)).segments > 1
    state_library(postgres, database, "0.0.1", FIRST)
    with pytest.raises(CodecUnavailable):
        await made(ledger, LedgerDoor, tmp_path / "two", Selection(), codec)
