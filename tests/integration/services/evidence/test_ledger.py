"""The ledger over a real database: changes are whole or none, snapshots stay, content has one name."""

from __future__ import annotations

import asyncio
import json
import random
from collections.abc import AsyncIterator, Iterator
from datetime import UTC, datetime, timedelta

import pytest

from libs.common.errors import BadArchive, BlobCorrupt, InvalidField, SnapshotGone, TooLarge
from services.evidence.importing.gather import Account
from services.evidence.importing.incoming import FileBegins
from services.evidence.ledger.importer import Outcome
from services.evidence.store import quarantine
from services.evidence.values import DatasetName, KeyRange
from tests.kit import evidence
from tests.kit.infrastructure import Postgres
from tests.kit.ledger import SPEC, TENANT, TestLedger

OSV = DatasetName("advisory", "osv")


def lines(*numbers: int, **more: str) -> bytes:
    return b"\n".join(
        evidence.packed(f"A-{number:05}", evidence.osv(number, **more), f"o/r@1:{number}.json")
        for number in numbers
    )


def feed(*numbers: int, **more: str) -> dict[str, bytes]:
    return {"osv.jsonl": lines(*numbers, **more)}


def counts(outcome: Outcome) -> tuple[int, int, int, int]:
    total = outcome.total
    return total.added, total.updated, total.unchanged, total.removed


async def test_an_import_adds_updates_and_leaves_alone(ledger: TestLedger) -> None:
    assert counts(await ledger.take(feed(1, 2, 3))) == (3, 0, 0, 0)
    changed = {"osv.jsonl": lines(3, summary="new") + b"\n" + lines(4, 1)}
    outcome = await ledger.take(changed)
    assert (counts(outcome), outcome.sequence) == ((1, 1, 1, 0), 2)
    records = await ledger.records(await ledger.open(), OSV)
    assert list(records) == ["A-00001", "A-00002", "A-00003", "A-00004"]
    assert json.loads(records["A-00003"])["summary"] == "new"


async def test_the_same_records_again_change_nothing(ledger: TestLedger) -> None:
    first = await ledger.take(feed(1, 2, 3))
    digests, stored = await ledger.digests(), ledger.stored()
    again = await ledger.take(feed(3, 2, 1))
    assert (counts(again), again.sequence) == ((0, 0, 3, 0), first.sequence)
    assert (await ledger.digests(), ledger.stored()) == (digests, stored)


async def test_digests_depend_on_the_records_alone(ledger: TestLedger) -> None:
    numbers = list(range(1, 1201))
    await ledger.take(feed(*numbers), tenant="whole")
    order = random.Random(7).sample(numbers, len(numbers))
    for start in range(0, len(order), 250):
        await ledger.take(feed(*order[start : start + 250]), tenant="parts")
    await ledger.take(feed(*range(1150, 1500)), tenant="detour")
    await ledger.take(feed(5, summary="wrong"), tenant="detour")
    await ledger.take(feed(*numbers), tenant="detour", is_whole=True)
    whole = await ledger.digests("whole")
    assert await ledger.digests("parts") == whole
    assert await ledger.digests("detour") == whole
    await ledger.delete(OSV, "A-00600", tenant="detour")
    assert await ledger.digests("detour") != whole


async def test_an_emptied_dataset_is_as_if_it_had_never_been(ledger: TestLedger) -> None:
    await ledger.take(feed(1), source="other")
    before = await ledger.digests()
    await ledger.take(feed(1, 2), as_of=datetime(2024, 1, 1, tzinfo=UTC))
    assert await ledger.delete(OSV, "A-00001", "A-00002", "A-99999") == (3, 2)
    assert await ledger.digests() == before
    await ledger.take(feed(1), tenant="beta")
    await ledger.take(feed(1), source="other", tenant="beta")
    await ledger.take(feed(1))
    assert await ledger.digests() == await ledger.digests("beta")


async def test_a_snapshot_reads_the_same_after_later_changes(ledger: TestLedger) -> None:
    await ledger.take(feed(*range(1, 1200)))
    opened = await ledger.open("run-1")
    before = await ledger.records(opened, OSV)
    listed = await ledger.reader.segments(TENANT, opened.snapshot.id, OSV, KeyRange(), 100)
    await ledger.take(feed(*range(1000, 1400), summary="new"))
    await ledger.delete(OSV, "A-00001")
    await ledger.sweeper.sweep(TENANT)
    assert await ledger.records(opened, OSV) == before
    assert await ledger.reader.segments(TENANT, opened.snapshot.id, OSV, KeyRange(), 100) == listed
    again = await ledger.open("run-1")
    assert (again.snapshot, again.digest) == (opened.snapshot, opened.digest)
    assert (await ledger.open("run-2")).digest != opened.digest


async def test_a_released_snapshot_is_gone(ledger: TestLedger) -> None:
    await ledger.take(feed(1))
    opened = await ledger.open("run-1")
    await ledger.reader.release(TENANT, opened.snapshot.id, "somebody else")
    assert await ledger.records(opened, OSV)
    for _ in range(2):
        await ledger.reader.release(TENANT, opened.snapshot.id, "run-1")
    with pytest.raises(SnapshotGone):
        await ledger.records(opened, OSV)


async def test_only_what_no_snapshot_sees_is_swept(ledger: TestLedger) -> None:
    await ledger.take(feed(1))
    first = ledger.stored()
    held = await ledger.open("run-1")
    await ledger.take(feed(1, summary="new"))
    assert await ledger.sweeper.sweep(TENANT) == 0
    await ledger.reader.release(TENANT, held.snapshot.id, "run-1")
    both = ledger.stored()
    assert await ledger.sweeper.sweep(TENANT) == 1
    gone = both - ledger.stored()
    assert gone <= first
    assert len(gone) == len({"documents", "ledger"})  # the frame of sources is the same in both
    assert json.loads((await ledger.records(await ledger.open(), OSV))["A-00001"])["summary"] == "new"


async def test_a_snapshot_that_nobody_holds_lasts_an_hour(ledger: TestLedger) -> None:
    await ledger.take(feed(1))
    opened = await ledger.open()
    await ledger.take(feed(1, summary="new"))
    await ledger.sweeper.sweep(TENANT)
    with pytest.raises(SnapshotGone):
        await ledger.records(opened, OSV)


async def test_a_frame_that_two_datasets_share_outlives_one_of_them(ledger: TestLedger) -> None:
    await ledger.take(feed(1))
    await ledger.take(feed(1), source="twin")
    await ledger.take(feed(1, summary="new"), source="twin")
    await ledger.sweeper.sweep(TENANT)
    assert await ledger.records(await ledger.open(), OSV)


async def test_a_whole_import_deletes_what_it_does_not_name(ledger: TestLedger) -> None:
    await ledger.take({"osv.jsonl": lines(1, 2, 3) + b"\n" + evidence.packed("V", evidence.openvex())})
    await ledger.take(feed(9), source="other")
    outcome = await ledger.take(feed(2, 4), is_whole=True)
    assert counts(outcome) == (1, 0, 1, 3)
    opened = await ledger.open()
    assert list(await ledger.records(opened, OSV)) == ["A-00002", "A-00004"]
    assert [version.name for version in opened.versions] == [OSV, DatasetName("advisory", "other")]
    status = await ledger.reader.status(TENANT)
    assert {state.version.name: state.tombstones for state in status.states} == {
        OSV: 2,
        DatasetName("advisory", "other"): 0,
        DatasetName("vex", "osv"): 1,
    }


async def test_nothing_replaces_no_source(ledger: TestLedger) -> None:
    await ledger.take(feed(1))
    before = await ledger.digests()
    for contents in ({}, {"osv.jsonl": b"{broken"}):
        with pytest.raises(InvalidField, match="whole source"):
            await ledger.take(contents, source="osv", is_whole=True)
    await ledger.take(feed(2) | {"x/a.json": b"{"}, is_whole=True)
    await ledger.take({"other.jsonl": lines(1), "osv.jsonl": b"{broken"}, is_whole=True)
    assert (await ledger.digests())["osv/advisory"] != before["osv/advisory"]
    assert list(await ledger.records(await ledger.open(), OSV)) == ["A-00002"]


async def test_an_import_has_not_too_many_sources(ledger: TestLedger) -> None:
    contents = {f"s{number}/a.json": evidence.raw(evidence.osv(1)) for number in range(501)}
    with pytest.raises(TooLarge, match="sources"):
        await ledger.take(contents)


async def test_a_record_that_comes_back_is_no_longer_a_tombstone(ledger: TestLedger) -> None:
    await ledger.take(feed(1, 2))
    assert (await ledger.delete(OSV, "A-00001"))[1] == 1
    assert (await ledger.delete(OSV, "A-00001"))[1] == 0
    assert (await ledger.reader.status(TENANT)).states[0].tombstones == 1
    await ledger.take(feed(1))
    assert (await ledger.reader.status(TENANT)).states[0].tombstones == 0


async def test_the_time_of_a_dataset_is_stated_or_that_of_its_newest_document(ledger: TestLedger) -> None:
    async def as_of() -> datetime | None:
        return (await ledger.open()).as_of

    await ledger.take(feed(1, modified="2024-01-01T00:00:00Z"))
    await ledger.take(feed(2, modified="2024-03-01T00:00:00Z"))
    assert await as_of() == datetime(2024, 3, 1, tzinfo=UTC)
    await ledger.delete(OSV, "A-00002")
    assert await as_of() == datetime(2024, 1, 1, tzinfo=UTC)
    before = (await ledger.take(feed(1), as_of=datetime(2024, 2, 1, tzinfo=UTC))).sequence
    assert await as_of() == datetime(2024, 2, 1, tzinfo=UTC)
    assert (await ledger.take(feed(1), as_of=datetime(2023, 1, 1, tzinfo=UTC))).sequence == before
    assert await as_of() == datetime(2024, 2, 1, tzinfo=UTC)
    await ledger.take(feed(1), is_whole=True)
    assert await as_of() == datetime(2024, 5, 1, 10, tzinfo=UTC)


async def test_a_time_in_the_future_counts_once_it_has_come_and_the_document_comes_again(
    ledger: TestLedger,
) -> None:
    soon = ledger.clock.moment + timedelta(days=20)
    document = feed(1, modified=soon.isoformat())
    await ledger.take(document)
    assert (await ledger.open()).as_of is None
    ledger.clock.moment = soon
    outcome = await ledger.take(document)
    assert (outcome.sequence, outcome.total.unchanged, outcome.total.updated) == (2, 1, 0)
    assert (await ledger.open()).as_of == soon
    assert (await ledger.take(document)).sequence == outcome.sequence
    await ledger.take(document, tenant="later")
    assert await ledger.digests("later") == await ledger.digests()


async def test_documents_that_state_no_time_leave_it_open(ledger: TestLedger) -> None:
    await ledger.take(feed(1, modified="0001-01-01T00:00:00Z"))
    assert (await ledger.open()).as_of is None


async def test_a_trial_counts_and_leaves_nothing(ledger: TestLedger) -> None:
    await ledger.take(feed(1, 2))
    before, stored = await ledger.digests(), ledger.stored()
    trial = {"osv.jsonl": lines(2, 3) + b"\nbroken"}
    outcome = await ledger.take(trial, is_whole=True, only_validates=True)
    assert (counts(outcome), outcome.sequence, outcome.quarantined) == ((1, 0, 1, 1), 1, {"not-json": 1})
    assert (await ledger.digests(), ledger.stored()) == (before, stored)
    assert (await ledger.reader.status(TENANT)).quarantined == []


async def test_an_import_that_fails_changes_nothing(ledger: TestLedger) -> None:
    await ledger.take(feed(1))
    before = await ledger.digests()
    with pytest.raises(BadArchive):
        await ledger.take(feed(2) | {"z.json.gz": b"broken"})
    assert await ledger.digests() == before
    assert (await ledger.reader.status(TENANT)).sequence == 1


async def test_an_import_that_is_broken_off_changes_nothing_and_lets_the_next_one_in(
    ledger: TestLedger,
) -> None:
    asked = asyncio.Event()

    async def endless() -> AsyncIterator[FileBegins | bytes]:
        yield FileBegins("osv.jsonl")
        yield lines(1)
        asked.set()
        await asyncio.Event().wait()

    work = asyncio.create_task(ledger.importer.run(TENANT, SPEC, endless(), Account()))
    await asked.wait()
    work.cancel()
    with pytest.raises(asyncio.CancelledError):
        await work
    assert (await ledger.reader.status(TENANT)).states == []
    assert counts(await ledger.take(feed(1))) == (1, 0, 0, 0)


async def test_imports_at_the_same_time_follow_one_another(ledger: TestLedger) -> None:
    outcomes = await asyncio.gather(
        *(ledger.take(feed(*range(start, start + 300))) for start in range(0, 1500, 300)),
        ledger.take(feed(1), tenant="beta"),
    )
    assert sorted(outcome.sequence for outcome in outcomes[:5]) == [1, 2, 3, 4, 5]
    await ledger.take(feed(*range(1500)), tenant="whole")
    assert await ledger.digests() == await ledger.digests("whole")


async def test_what_is_put_aside_is_kept_with_its_reason(ledger: TestLedger) -> None:
    contents = {"osv.jsonl": lines(1) + b"\n{broken\n" + lines(1, summary="other"), "x/a.json": b"{}"}
    outcome = await ledger.take(contents)
    assert outcome.quarantined == {"duplicate-key": 1, "not-json": 1, "unrecognised-document": 1}
    kept = await ledger.reader.quarantined(TENANT, "", None, 10)
    assert {(each.refused.location, each.refused.reason) for each in kept} == {
        ("osv.jsonl:2", "not-json"),
        ("osv.jsonl:3", "duplicate-key"),
        ("x/a.json", "unrecognised-document"),
    }
    assert (await ledger.reader.status(TENANT)).quarantined == [
        ("osv", "duplicate-key", 1),
        ("osv", "not-json", 1),
        ("x", "unrecognised-document", 1),
    ]


async def test_a_file_that_is_imported_again_replaces_what_was_put_aside_of_it(ledger: TestLedger) -> None:
    broken = {"osv.jsonl": b"{broken", "b.zip": evidence.zipped({"x.json": b"1", "y.json": b"2"})}
    await ledger.take(broken)
    await ledger.take(broken)
    assert (await ledger.reader.status(TENANT)).quarantined == [
        ("b", "unrecognised-document", 2),
        ("osv", "not-json", 1),
    ]
    await ledger.take(feed(1) | {"b.zip": evidence.zipped({"x.json": b"1"})})
    assert (await ledger.reader.status(TENANT)).quarantined == [("b", "unrecognised-document", 1)]


async def test_only_the_newest_that_were_put_aside_are_kept(ledger: TestLedger) -> None:
    await ledger.take({"q.jsonl": b"1\n2\n3\n4"})
    for most, expected in [(4, 4), (3, 3), (1, 1), (1, 1)]:
        async with ledger.database.tenant(TENANT) as connection:
            await quarantine.trim(connection, TENANT, most)
        kept = await ledger.reader.quarantined(TENANT, "", None, 10)
        assert [each.refused.location for each in kept] == [
            "q.jsonl:4",
            "q.jsonl:3",
            "q.jsonl:2",
            "q.jsonl:1",
        ][:expected]


async def test_records_can_be_read_by_range_and_from_where_a_reader_stopped(ledger: TestLedger) -> None:
    await ledger.take(feed(*range(1, 1200)))
    opened = await ledger.open()

    async def read(start: str = "", end: str = "", after: str = "") -> list[str]:
        keys = KeyRange(start.encode(), end.encode(), after.encode())
        return list(await ledger.records(opened, OSV, keys))

    everything = [f"A-{number:05}" for number in range(1, 1200)]
    assert await read() == everything
    assert await read("A-00100", "A-00900") == everything[99:899]
    assert await read("A-00100", "A-00900", "A-00700") == everything[700:899]
    assert await read(after="A-00899x") == everything[899:]
    assert await read("B") == await read(end="A") == await read(after="A-01199") == []


async def test_only_frames_of_the_snapshot_are_given_out(ledger: TestLedger) -> None:
    await ledger.take(feed(1))
    await ledger.take(feed(2), source="other")
    old = await ledger.open("old")
    await ledger.take(feed(1, summary="new"))
    new = await ledger.open("new")
    (segment,) = await ledger.reader.segments(TENANT, old.snapshot.id, OSV, KeyRange(), 2)

    async def read(snapshot_id: str, digest: str, tenant: str = TENANT) -> bytes:
        return b"".join([data async for _, data, _ in ledger.reader.frames(tenant, snapshot_id, [digest])])

    digest = segment.documents.stored_digest
    assert len(await read(old.snapshot.id, digest)) == segment.documents.stored_bytes
    assert await read(old.snapshot.id, segment.sources.stored_digest)
    some = await ledger.open("some", sources=("other",))
    for snapshot_id, refused in [
        (new.snapshot.id, digest),
        (some.snapshot.id, digest),
        (old.snapshot.id, segment.ledger.stored_digest),
        (old.snapshot.id, segment.documents.plain_digest),
    ]:
        with pytest.raises(InvalidField):
            await read(snapshot_id, refused)
    with pytest.raises(SnapshotGone):
        await read(old.snapshot.id, digest, "beta")


async def test_a_tenant_sees_nothing_of_another(ledger: TestLedger, postgres: Postgres) -> None:
    await ledger.take({"osv.jsonl": lines(1) + b"\n{broken"})
    opened = await ledger.open("run-1")
    assert (await ledger.open("run-1", tenant="beta")).versions == []
    assert (await ledger.reader.status("beta")).states == []
    assert await ledger.reader.quarantined("beta", "", None, 10) == []
    with pytest.raises(SnapshotGone):
        await ledger.records(opened, OSV, tenant="beta")
    tables = ["sequences", "datasets", "segments", "snapshots", "quarantine", "imports", "tombstones"]
    async with ledger.database.tenant("beta") as connection:
        for table in tables:
            found = await connection.exec_driver_sql(
                f"SELECT count(*) FROM {table} WHERE tenant = '{TENANT}'"  # noqa: S608 - constants
            )
            assert (table, found.scalar_one()) == (table, 0)
    assert postgres.url


async def test_a_damaged_frame_is_found_when_it_is_read(ledger: TestLedger) -> None:
    await ledger.take(feed(1))
    opened = await ledger.open()
    (segment,) = await ledger.reader.segments(TENANT, opened.snapshot.id, OSV, KeyRange(), 2)
    path = ledger.blobs.local_path(TENANT, segment.documents.stored_digest)
    assert path is not None
    path.write_bytes(path.read_bytes()[:-1] + b"x")
    with pytest.raises(BlobCorrupt):
        await ledger.records(opened, OSV)
    with pytest.raises(BlobCorrupt):
        await ledger.take(feed(2))


async def test_each_change_is_logged_with_who_made_it(ledger: TestLedger) -> None:
    await ledger.take(feed(1, 2))
    await ledger.delete(OSV, "A-00001")
    async with ledger.database.tenant(TENANT) as connection:
        rows = await connection.exec_driver_sql(
            "SELECT actor, action, sequence, added, removed FROM imports ORDER BY id"
        )
        assert [tuple(row) for row in rows] == [("ann", "import", 1, 2, 0), ("ann", "delete", 2, 0, 1)]


async def test_a_large_record_travels_alone_in_pieces(ledger: TestLedger) -> None:
    large = evidence.osv(2, summary="x" * (5 << 19))
    contents = {"osv.jsonl": lines(1, 3) + b"\n" + evidence.packed("A-00002", large)}
    await ledger.take(contents)
    opened = await ledger.open()
    found = [
        (batch.records, batch.partial)
        async for batch in ledger.reader.records(TENANT, opened.snapshot.id, OSV, KeyRange())
    ]
    assert found == [(1, False), (0, True), (0, True), (1, False), (1, False)]
    assert json.loads((await ledger.records(opened, OSV))["A-00002"]) == large


async def test_many_files_fit_into_one_import(ledger: TestLedger) -> None:
    def parts() -> Iterator[FileBegins | bytes]:
        for number in range(6000):
            yield FileBegins(f"osv/{number}.json")
            yield evidence.raw(evidence.osv(number))

    assert counts(await ledger.take(parts())) == (6000, 0, 0, 0)
