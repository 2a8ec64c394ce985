"""Frames that no segment names: collected once old, whatever left them, and never under an import at work."""

from __future__ import annotations

import asyncio
from datetime import timedelta

import pytest
from prometheus_client import CollectorRegistry
from sqlalchemy import text

from libs.common.blobs.collecting import Area
from libs.common.blobs.store import Blobs
from libs.common.metrics import CollectionMetrics
from libs.common.segments.frame import library_version
from services.evidence.api import contract
from services.evidence.ledger.orphans import Orphans
from services.evidence.store import locks
from services.evidence.values import DatasetName, KeyRange
from tests.kit import evidence
from tests.kit.collecting import Died, DyingArea, there
from tests.kit.infrastructure import Postgres, TestDatabase
from tests.kit.ledger import TENANT, TestLedger

NONE = timedelta(0)
OSV = DatasetName("advisory", "osv")


def feed(*numbers: int, **more: str) -> dict[str, bytes]:
    return {"osv.jsonl": b"\n".join(evidence.raw(evidence.osv(number, **more)) for number in numbers)}


def orphans(ledger: TestLedger, grace: timedelta = NONE, area: Area | None = None) -> Orphans:
    metrics = CollectionMetrics(CollectorRegistry())
    return Orphans(ledger.database, area or Area(ledger.blobs), metrics, grace)


async def named(ledger: TestLedger) -> set[str]:
    """Return the frames that segments name."""
    async with ledger.database.tenant(TENANT) as connection:
        rows = await connection.execute(
            text("SELECT documents_stored_digest, sources_stored_digest, ledger_stored_digest FROM segments")
        )
        return {digest for row in rows for digest in row}


async def test_frames_of_an_import_that_died_are_collected_and_all_others_stay(ledger: TestLedger) -> None:
    await ledger.take(feed(*range(2000)), source="osv")
    await ledger.blobs.put(TENANT, b"of an import that died")
    await ledger.blobs.put("beta", b"of another tenant")
    assert await orphans(ledger).collect(TENANT) == 1
    assert await there(ledger.blobs, TENANT) == await named(ledger)
    assert len(await there(ledger.blobs, "beta")) == 1


async def test_young_frames_stay(ledger: TestLedger) -> None:
    await ledger.blobs.put(TENANT, b"young")
    assert await orphans(ledger, timedelta(hours=1)).collect(TENANT) == 0
    assert len(await there(ledger.blobs, TENANT)) == 1


async def test_frames_that_only_an_older_snapshot_sees_stay(ledger: TestLedger) -> None:
    await ledger.take(feed(*range(500)), source="osv")
    opened = await ledger.open("run-1")
    await ledger.take(feed(*range(500), summary="new"), source="osv")
    await orphans(ledger).collect(TENANT)
    assert len(await ledger.records(opened, OSV)) == 500


async def test_an_import_at_work_goes_first(ledger: TestLedger) -> None:
    await ledger.blobs.put(TENANT, b"perhaps of the import at work")
    async with ledger.database.tenant(TENANT) as connection:
        assert await locks.try_to_change(connection, TENANT)
        assert await orphans(ledger).collect(TENANT) == 0
    assert await orphans(ledger).collect(TENANT) == 1


async def test_what_an_import_at_work_is_writing_stays(ledger: TestLedger) -> None:
    blob = await ledger.blobs.put(TENANT, b"whole")
    path = ledger.blobs.local_path(TENANT, blob.digest)
    assert path
    half = path.with_name(f".{path.name}.0123456789abcdef")
    half.write_bytes(b"half")
    async with ledger.database.tenant(TENANT) as connection:
        assert await locks.try_to_change(connection, TENANT)
        await orphans(ledger).collect(TENANT)
        assert half.exists()
    await orphans(ledger).collect(TENANT)
    assert not half.exists()


async def test_imports_beside_collections_lose_no_frame(ledger: TestLedger) -> None:
    async def collect() -> None:
        for _ in range(15):
            await orphans(ledger).collect(TENANT)

    async def take() -> None:
        for turn in range(4):
            await ledger.take(feed(*range(600), summary=f"turn {turn % 2}"), source="osv")

    await asyncio.gather(take(), collect())
    assert await named(ledger) <= await there(ledger.blobs, TENANT)
    assert len(await ledger.records(await ledger.open(), OSV)) == 600


async def test_a_collection_that_dies_anywhere_harms_nothing_and_the_next_one_finishes(
    ledger: TestLedger,
) -> None:
    await ledger.take(feed(*range(50)), source="osv")
    at = 0
    while True:
        at += 1
        for number in range(3):
            await ledger.blobs.put(TENANT, b"orphan %d" % number)
        try:
            await orphans(ledger, NONE, DyingArea(ledger.blobs, at)).collect(TENANT)
        except Died:
            assert await named(ledger) <= await there(ledger.blobs, TENANT)
        else:
            break
    assert at > 5
    assert await there(ledger.blobs, TENANT) == await named(ledger)


async def test_a_bucket_forgets_old_uses(ledger: TestLedger) -> None:
    bucket = Blobs("memory:///", "evidence")
    area = Area(bucket)
    blob = await bucket.put(TENANT, b"orphan")
    assert await orphans(ledger, NONE, area).collect(TENANT) == 1
    assert not await bucket.exists(TENANT, blob.digest)


@pytest.mark.parametrize("library", ["1.2.3", ""])
async def test_a_segment_states_the_library_that_made_its_frames(
    ledger: TestLedger, postgres: Postgres, database: TestDatabase, library: str
) -> None:
    await ledger.take(feed(1), source="osv")
    assert await stated(ledger) == [library_version()]
    postgres.execute(database.name, f"UPDATE evidence.segments SET codec_library = '{library}'")  # noqa: S608 - a test's own
    assert await stated(ledger) == [library or "unknown"]


async def stated(ledger: TestLedger) -> list[str]:
    opened = await ledger.open()
    found = await ledger.reader.segments(TENANT, opened.snapshot.id, OSV, KeyRange(), 10)
    return [contract.segment(each).codec_library for each in found]
