"""Collection: what a bundle needs or somebody used lately stays, all else goes; it may die at any step."""

from __future__ import annotations

import asyncio
import os
import random
import secrets
from datetime import timedelta
from pathlib import Path

import grpc
import httpx
import pytest
from sqlalchemy import text
from stellaops.export.v1.distributions_pb2 import CollectBlobsRequest, DownloadRequest
from stellaops.export.work.v1.work_pb2 import ForgetWork, WorkContext

from libs.common import clock
from libs.common.blobs.collecting import Area
from libs.common.blobs.store import Blobs
from libs.common.bus.worker import Delivery
from libs.common.errors import AreaTaken, BlobMissing, BundleNotReady, BundleRemoved
from libs.common.rpc.access import ADMIN
from services.distributor.__main__ import drivers
from services.distributor.collect.collector import Collector, Tally, Wish
from services.distributor.deliver import Deliveries
from services.distributor.forgetting import Forgetting
from services.distributor.intake import order_of
from services.distributor.layouts import Layouts
from services.distributor.store import bundles, roots
from tests.integration.services.distributor.conftest import WISH, Delivered, Rpc, Stock, deliver, headers
from tests.kit.bundles import make_bundle
from tests.kit.collecting import Ahead, AreaAt, AreaInUse, Died, DyingArea, age, age_all, needed, there
from tests.kit.infrastructure import Nats, Postgres
from tests.kit.planner import until
from tests.kit.stored_bundles import StoredFiles, distribute_work, store_files

LONG = timedelta(days=2)  # twice the grace period
NOW = Wish(timedelta(0), timedelta(days=30))


def tenant() -> str:
    """Return a tenant that no other test uses: the database is shared."""
    return f"t{secrets.token_hex(4)}"


def collector(stock: Stock, area: Area | None = None, **options: int) -> Collector:
    return Collector(stock.database, stock.blobs, area or Area(stock.blobs), **options)


async def collect(stock: Stock, whose: str, wish: Wish = WISH) -> Tally:
    tally = await collector(stock).collect(whose, wish)
    assert tally is not None
    assert tally.complete
    return tally


def all_of(stored: StoredFiles) -> set[str]:
    return needed(stored.layout.digest, stored.message)


async def test_what_no_bundle_needs_goes_and_what_one_needs_stays(stock: Stock, run: str) -> None:
    whose = tenant()
    stored = await store_files(stock.blobs, make_bundle(), whose)
    await deliver(stock, stored, run, tenant=whose)
    orphans = {(await stock.blobs.put(whose, bytes([number]) * 50)).digest for number in range(9)}
    await age_all(stock.blobs, whose, LONG)
    tally = await collect(stock, whose)
    assert await there(stock.blobs, whose) == all_of(stored)
    assert (tally.live, tally.young, tally.collected) == (len(all_of(stored)), 0, 9)
    assert tally.collected_bytes == 9 * 50
    assert set(tally.digests) == orphans


async def test_what_was_stored_within_the_grace_period_stays(stock: Stock) -> None:
    whose = tenant()
    blob = await stock.blobs.put(whose, b"of a run under way")
    assert (await collect(stock, whose)).young == 1
    assert await there(stock.blobs, whose) == {blob.digest}


async def test_what_somebody_found_within_the_grace_period_stays(stock: Stock) -> None:
    whose = tenant()
    found = await stock.blobs.put(whose, b"found again")
    put = await stock.blobs.put(whose, b"put again")
    await stock.blobs.put(whose, b"neither")
    await age_all(stock.blobs, whose, LONG)
    assert await stock.blobs.exists(whose, found.digest)
    await stock.blobs.put(whose, b"put again")
    await collect(stock, whose)
    assert await there(stock.blobs, whose) == {found.digest, put.digest}


async def test_a_trial_removes_nothing_and_says_what_would_go(stock: Stock) -> None:
    whose = tenant()
    blob = await stock.blobs.put(whose, b"x")
    tally = await collect(stock, whose, Wish(timedelta(0), timedelta(days=30), is_trial=True))
    assert (tally.collected, tally.digests) == (1, [blob.digest])
    assert await there(stock.blobs, whose) == {blob.digest}


async def test_another_tenant_s_blobs_are_left_alone(stock: Stock, run: str) -> None:
    whose, other = tenant(), tenant()
    stored = await store_files(stock.blobs, make_bundle(), whose)
    await store_files(stock.blobs, make_bundle(), other)
    await deliver(stock, stored, run, tenant=whose)
    before = await there(stock.blobs, other)
    await collect(stock, whose, NOW)
    assert await there(stock.blobs, other) == before
    # The same bytes, which one tenant needs, are garbage of the other.
    await collect(stock, other, NOW)
    assert await there(stock.blobs, other) == set()
    assert await there(stock.blobs, whose) == all_of(stored)


async def test_blobs_that_two_bundles_share_stay_until_both_are_let_go_of(stock: Stock, run: str) -> None:
    whose = tenant()
    first = await store_files(stock.blobs, {"a": b"1" * 500, "b": b"2" * 500}, whose)
    second = await store_files(stock.blobs, {"b": b"2" * 500, "c": b"3" * 500}, whose)
    await deliver(stock, first, f"{run}-1", tenant=whose)
    await deliver(stock, second, f"{run}-2", tenant=whose)
    await let_go(stock, whose, f"{run}-1")
    await collect(stock, whose, NOW)
    assert await there(stock.blobs, whose) == all_of(second)
    await let_go(stock, whose, f"{run}-2")
    await collect(stock, whose, NOW)
    assert await there(stock.blobs, whose) == set()


async def let_go(stock: Stock, whose: str, run: str, since: timedelta = timedelta(0)) -> None:
    async with stock.database.tenant(whose) as connection:
        assert await roots.remove(connection, whose, run, clock.now() - since)


async def test_a_bundle_that_was_let_go_of_is_told_apart_and_its_blobs_stay_for_the_grace_period(
    stock: Stock, run: str
) -> None:
    whose = tenant()
    stored = await store_files(stock.blobs, make_bundle(), whose)
    await deliver(stock, stored, run, tenant=whose)
    await let_go(stock, whose, run)
    await age_all(stock.blobs, whose, LONG)
    await collect(stock, whose)
    assert await there(stock.blobs, whose) == all_of(stored)
    async with stock.database.tenant(whose) as connection:
        with pytest.raises(BundleRemoved):
            await bundles.get(connection, whose, run)


async def test_a_delivery_of_a_run_that_was_let_go_of_makes_no_bundle(stock: Stock, run: str) -> None:
    whose = tenant()
    stored = await store_files(stock.blobs, make_bundle(), whose)
    await stock.blobs.delete(whose, stored.message.files[0].pieces[0].digest)
    work = order_of(distribute_work(stored, run, tenant=whose))
    with pytest.raises(BlobMissing):
        await stock.deliveries.deliver(work)
    await let_go(stock, whose, run)
    assert await stock.deliveries.deliver(work) is None
    async with stock.database.tenant(whose) as connection:
        with pytest.raises(BundleNotReady):
            await bundles.get(connection, whose, run)


async def test_what_a_failed_delivery_needs_stays_so_that_it_can_be_tried_again(
    stock: Stock, run: str
) -> None:
    whose = tenant()
    stored = await store_files(stock.blobs, make_bundle(), whose)
    piece = stored.message.files[0].pieces[0].digest
    path = stock.blobs.local_path(whose, piece)
    assert path is not None
    path.rename(path.with_suffix(".away"))
    with pytest.raises(BlobMissing):
        await stock.deliveries.deliver(order_of(distribute_work(stored, run, tenant=whose)))
    path.with_suffix(".away").rename(path)
    await age_all(stock.blobs, whose, LONG)
    await collect(stock, whose)
    await deliver(stock, stored, run, tenant=whose, attempt=2)


async def test_a_delivery_whose_layout_is_gone_keeps_nothing_from_being_collected(
    stock: Stock, run: str
) -> None:
    whose = tenant()
    stored = await store_files(stock.blobs, make_bundle(), whose)
    await stock.blobs.delete(whose, stored.layout.digest)
    with pytest.raises(BlobMissing):
        await stock.deliveries.deliver(order_of(distribute_work(stored, run, tenant=whose)))
    await collect(stock, whose, NOW)
    assert await there(stock.blobs, whose) == set()


async def test_a_layout_that_is_put_back_while_a_collection_goes_on_keeps_what_it_names(
    stock: Stock, run: str, tmp_path: Path
) -> None:
    whose = tenant()
    stored = await store_files(stock.blobs, make_bundle(), whose)
    path = stock.blobs.local_path(whose, stored.layout.digest)
    assert path is not None
    away = path.rename(tmp_path / "away")
    work = order_of(distribute_work(stored, run, tenant=whose))
    with pytest.raises(BlobMissing):
        await stock.deliveries.deliver(work)
    async with stock.database.tenant(whose) as beginning:
        await roots.share(beginning, whose)
        collecting = asyncio.create_task(collector(stock).collect(whose, NOW))
        await until(lambda: waits_for_lock(stock))  # it has read the roots, and is about to remove
        away.rename(path)
    assert await collecting is not None
    assert await there(stock.blobs, whose) == all_of(stored)
    await deliver(stock, stored, run, tenant=whose)


async def waits_for_lock(stock: Stock) -> bool:
    async with stock.database.tenant("acme") as connection:
        found = await connection.execute(
            text(
                "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND NOT granted "
                "AND database = (SELECT oid FROM pg_database WHERE datname = current_database())"
            )
        )
        return bool(found.scalar_one())


async def test_an_area_of_another_installation_is_neither_collected_nor_delivered_from(
    stock: Stock, postgres: Postgres, run: str
) -> None:
    whose = tenant()
    stored = await store_files(stock.blobs, make_bundle(), whose)
    await deliver(stock, stored, run, tenant=whose)
    other = postgres.new_database()
    other.migrate("distributor")
    database = other.open("distributor")
    with pytest.raises(AreaTaken, match="Area `exports` of the blob store belongs to installation"):
        await Collector(database, stock.blobs, Area(stock.blobs)).collect(whose, NOW)
    deliveries = Deliveries(database, stock.blobs, stock.layouts, drivers(), clock.now)
    with pytest.raises(AreaTaken):
        await deliveries.deliver(order_of(distribute_work(stored, run, tenant=whose)))
    await database.close()
    assert await there(stock.blobs, whose) == all_of(stored)


async def test_nothing_goes_while_a_bundle_s_layout_cannot_be_read(stock: Stock, run: str) -> None:
    whose = tenant()
    stored = await store_files(stock.blobs, make_bundle(), whose)
    await deliver(stock, stored, run, tenant=whose)
    await stock.blobs.delete(whose, stored.layout.digest)
    before = await there(stock.blobs, whose)
    with pytest.raises(BlobMissing, match=stored.layout.digest):
        await collector(stock).collect(whose, NOW)
    assert await there(stock.blobs, whose) == before


async def test_remains_of_writes_that_were_cut_off_go_once_they_are_old(stock: Stock) -> None:
    whose = tenant()
    blob = await stock.blobs.put(whose, b"x")
    path = stock.blobs.local_path(whose, blob.digest)
    assert path is not None
    remains = path.with_name(f".{path.name}.0123456789abcdef")
    remains.write_bytes(b"half")
    assert (await collect(stock, whose)).remains == 0
    assert remains.exists()
    assert (await collect(stock, whose, NOW)).remains == 1
    assert not remains.exists()


async def test_notes_go_when_nobody_read_them_for_long(stock: Stock) -> None:
    whose = tenant()
    read, unread = (f"sha256:{digit * 64}" for digit in "ab")
    for name in (read, unread):
        await stock.blobs.note_put(whose, name, b"value")
    for name in (read, unread):
        path = stock.blobs.local_path(whose, name)
        assert path is not None
        note = path.parents[2] / "notes" / path.parent.name / path.name
        moment = (clock.now() - timedelta(days=40)).timestamp()
        os.utime(note, (moment, moment))
    assert await stock.blobs.note_get(whose, read) == b"value"
    assert (await collect(stock, whose)).notes == 1
    assert await stock.blobs.note_get(whose, read) == b"value"
    assert await stock.blobs.note_get(whose, unread) is None


async def test_one_collection_of_a_tenant_goes_on_at_a_time(stock: Stock) -> None:
    whose = tenant()
    async with stock.database.tenant(whose) as connection:
        assert await roots.try_to_collect(connection, whose)
        assert await collector(stock).collect(whose, NOW) is None
        assert await collector(stock).collect(tenant(), NOW) is not None


async def test_marks_in_little_room_change_nothing_of_the_outcome(stock: Stock, run: str) -> None:
    whose = tenant()
    stored = await store_files(stock.blobs, make_bundle(), whose, piece_bytes=20)
    await deliver(stock, stored, run, tenant=whose)
    for number in range(100):
        await stock.blobs.put(whose, b"orphan %d" % number)
    tally = await collector(stock, most_marked=7).collect(whose, NOW)
    assert tally is not None
    assert (tally.complete, tally.collected) == (True, 100)
    assert await there(stock.blobs, whose) == all_of(stored)


async def test_a_collection_that_dies_anywhere_harms_nothing_and_the_next_one_finishes(
    stock: Stock, run: str
) -> None:
    whose = tenant()
    stored = await store_files(stock.blobs, {"a": b"a" * 300, "b": b"b" * 300}, whose)
    await deliver(stock, stored, run, tenant=whose)
    at, deaths = 1, 0
    while True:
        for number in range(3):
            await stock.blobs.put(whose, b"orphan %d" % number)
        area = DyingArea(stock.blobs, at)
        try:
            tally = await collector(stock, area).collect(whose, NOW)
        except Died:
            deaths += 1
            assert all_of(stored) <= await there(stock.blobs, whose)
        else:
            assert tally is not None
            assert tally.complete
            break
        at += 1
    assert deaths == at - 1 > 5
    assert await there(stock.blobs, whose) == all_of(stored)


@pytest.mark.parametrize("seed", range(4))
async def test_any_history_of_bundles_leaves_exactly_what_is_needed_or_young(
    stock: Stock, run: str, seed: int
) -> None:
    whose, chance = tenant(), random.Random(seed)
    contents = [bytes([number]) * chance.randrange(1, 400) for number in range(30)]
    kept: set[str] = set()
    for number in range(6):
        chosen = chance.sample(contents, chance.randrange(1, 9))
        stored = await store_files(
            stock.blobs, {f"f{place}": data for place, data in enumerate(chosen)}, whose
        )
        match chance.choice(["bundle", "bundle", "let go", "never delivered"]):
            case "bundle":
                await deliver(stock, stored, f"{run}-{number}", tenant=whose)
                kept |= all_of(stored)
            case "let go":
                await deliver(stock, stored, f"{run}-{number}", tenant=whose)
                await let_go(stock, whose, f"{run}-{number}", LONG)
    everything = await there(stock.blobs, whose)
    old = {digest for digest in sorted(everything) if chance.randrange(5) < 3}
    for digest in old:
        age(stock.blobs, whose, digest, LONG)
    await collect(stock, whose)
    assert await there(stock.blobs, whose) == kept | (everything - old)


async def test_a_run_that_the_planner_lets_go_of_is_forgotten_and_a_second_word_of_it_changes_nothing(
    stock: Stock, nats: Nats, rpc: Rpc, run: str
) -> None:
    whose = tenant()
    stored = await store_files(stock.blobs, make_bundle(), whose)
    await deliver(stock, stored, run, tenant=whose)
    bus = await nats.connect("distributor")
    payload = ForgetWork(context=WorkContext(tenant=whose, run=run, attempt=1)).SerializeToString()
    later = Ahead()
    forgetting = Forgetting(bus, stock.database, later)
    for later.by in (timedelta(0), timedelta(days=1)):
        await forgetting.handle(Delivery("export.work.forget", payload, "forget", {}, 1))
    await bus.close()
    request = DownloadRequest(parent=f"tenants/{whose}/runs/{run}")
    with pytest.raises(grpc.aio.AioRpcError, match="was removed at") as refused:
        [chunk async for chunk in rpc.Download(request, metadata=tuple(headers([whose]).items()))]
    assert refused.value.code() is grpc.StatusCode.NOT_FOUND
    await collect(stock, whose, NOW)
    assert await there(stock.blobs, whose) == set()


async def test_a_bundle_that_was_removed_is_gone_over_http(
    stock: Stock, delivered: Delivered, http: httpx.AsyncClient
) -> None:
    await let_go(stock, "acme", delivered.run)
    answer = await http.get(f"/runs/{delivered.run}/bundle")
    assert (answer.status_code, answer.json()["code"]) == (410, "ERR_EXPORT_BUNDLE_EXPIRED")


def bucket(now: clock.Clock = clock.now) -> Blobs:
    """Return a store that is no directory: it goes the way of S3, GCS and Azure."""
    return Blobs("memory:///", "exports", now)


async def test_in_a_bucket_what_no_bundle_needs_goes_and_what_one_needs_stays(stock: Stock, run: str) -> None:
    whose, blobs = tenant(), bucket()
    stored = await store_files(blobs, make_bundle(), whose)
    deliveries = Deliveries(stock.database, blobs, Layouts(blobs), drivers(), clock.now)
    assert await deliveries.deliver(order_of(distribute_work(stored, run, tenant=whose)))
    await blobs.put(whose, b"orphan")
    found = Collector(stock.database, blobs, Area(blobs))
    assert await found.tenants() == [whose]
    tally = await found.collect(whose, NOW)
    assert tally is not None
    assert (tally.complete, tally.collected) == (True, 1)
    assert await there(blobs, whose) == all_of(stored)


async def test_in_a_bucket_a_use_is_written_down_and_keeps_the_blob(stock: Stock) -> None:
    whose, later = tenant(), Ahead()
    blobs = bucket(later)
    used, unused = [await blobs.put(whose, data) for data in (b"used", b"unused")]
    between = await Area(blobs).now()
    # Whoever asks hours later finds the blob old, and writes the use down.
    later.by = timedelta(hours=3)
    assert await blobs.exists(whose, used.digest)
    at_cutoff = Collector(stock.database, blobs, AreaAt(blobs, between + WISH.grace))
    tally = await at_cutoff.collect(whose, WISH)
    assert tally is not None
    assert tally.digests == [unused.digest]
    assert await there(blobs, whose) == {used.digest}
    # Once the use is old as well, blob and use go.
    tally = await Collector(stock.database, blobs, Area(blobs)).collect(whose, NOW)
    assert tally is not None
    assert tally.digests == [used.digest]
    async for some in Area(blobs).uses(whose, range(256)):
        assert not some


async def test_in_a_bucket_a_use_that_is_written_again_after_it_was_listed_stays(stock: Stock) -> None:
    whose, later = tenant(), Ahead()
    blobs = bucket(later)
    used = await blobs.put(whose, b"used")
    later.by = timedelta(hours=3)
    assert await blobs.exists(whose, used.digest)
    cutoff = await Area(blobs).now()

    async def use_again() -> None:
        later.by = timedelta(hours=6)
        assert await blobs.exists(whose, used.digest)

    area = AreaInUse(blobs, cutoff + WISH.grace, use_again)
    assert await Collector(stock.database, blobs, area).collect(whose, WISH) is not None
    assert await there(blobs, whose) == {used.digest}
    assert [some async for some in Area(blobs).uses(whose, range(256)) if some]


async def test_in_a_bucket_a_note_that_is_read_stays() -> None:
    whose, name, later = tenant(), f"sha256:{'a' * 64}", Ahead()
    blobs = bucket(later)
    await blobs.note_put(whose, name, b"value")
    [[before]] = [some async for some in Area(blobs).notes(whose)]
    later.by = timedelta(days=2)
    assert await blobs.note_get(whose, name) == b"value"
    [[after]] = [some async for some in Area(blobs).notes(whose)]
    assert after.modified > before.modified


async def test_a_collection_on_request_says_what_went(stock: Stock, rpc: Rpc) -> None:
    whose = tenant()
    blob = await stock.blobs.put(whose, b"orphan")
    metadata = tuple(headers([whose], [ADMIN]).items())
    young = await rpc.CollectBlobs(CollectBlobsRequest(), metadata=metadata)
    assert (young.examined, young.young, young.collected, young.complete) == (1, 1, 0, True)
    trial = CollectBlobsRequest(grace_seconds=0, validate_only=True)
    assert (await rpc.CollectBlobs(trial, metadata=metadata)).digests == [blob.digest]
    done = await rpc.CollectBlobs(CollectBlobsRequest(grace_seconds=0), metadata=metadata)
    assert (done.collected, done.collected_bytes) == (1, 6)
    assert await there(stock.blobs, whose) == set()


@pytest.mark.parametrize("seconds", [1, 3600, 7199])
async def test_a_grace_within_which_uses_are_not_written_down_is_refused(
    stock: Stock, rpc: Rpc, seconds: int
) -> None:
    whose = tenant()
    await stock.blobs.put(whose, b"used a moment ago")
    metadata = tuple(headers([whose], [ADMIN]).items())
    with pytest.raises(grpc.aio.AioRpcError, match="it is 0 or at least 2 hours") as refused:
        await rpc.CollectBlobs(CollectBlobsRequest(grace_seconds=seconds), metadata=metadata)
    assert refused.value.code() is grpc.StatusCode.INVALID_ARGUMENT
    assert len(await there(stock.blobs, whose)) == 1


async def test_a_collection_on_request_waits_for_none_that_is_at_work(stock: Stock, rpc: Rpc) -> None:
    whose = tenant()
    metadata = tuple(headers([whose], [ADMIN]).items())
    async with stock.database.tenant(whose) as connection:
        assert await roots.try_to_collect(connection, whose)
        with pytest.raises(grpc.aio.AioRpcError, match="another one of this tenant is at work"):
            await rpc.CollectBlobs(CollectBlobsRequest(), metadata=metadata)


async def test_a_collection_is_for_administrators_of_the_tenant(stock: Stock, rpc: Rpc) -> None:
    whose = tenant()
    await stock.blobs.put(whose, b"x")
    for asker, wanted in ((headers([whose]), ""), (headers(["beta"], [ADMIN]), f"tenants/{whose}")):
        with pytest.raises(grpc.aio.AioRpcError) as refused:
            await rpc.CollectBlobs(
                CollectBlobsRequest(parent=wanted, grace_seconds=0), metadata=tuple(asker.items())
            )
        assert refused.value.code() is grpc.StatusCode.PERMISSION_DENIED
    assert len(await there(stock.blobs, whose)) == 1
