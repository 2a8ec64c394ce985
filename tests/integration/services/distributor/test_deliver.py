"""Deliveries: idempotent, overtaken, cancelled, answered for."""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
from collections.abc import AsyncIterator
from dataclasses import replace

import pytest
from stellaops.export.work.v1.work_pb2 import DistributeResult, WorkContext

from libs.common import clock
from libs.common.blobs.store import Blobs
from libs.common.bus.client import Bus
from libs.common.bus.subjects import RESULT_DISTRIBUTE, cancel, work_distribute
from libs.common.bus.worker import Delivery, Worker
from libs.common.errors import BlobCorrupt, BlobMissing, BundleNotFound, BundleNotReady, Unavailable
from services.distributor.deliver import Deliveries
from services.distributor.drivers.base import Bundle
from services.distributor.drivers.base import Delivered as DriverDelivered
from services.distributor.intake import DistributeIntake, order_of
from services.distributor.store import bundles, distributions
from services.distributor.targets import State, Target
from tests.integration.services.distributor.conftest import Stock
from tests.kit.bundles import OTHER_KEY, make_bundle, tar_of
from tests.kit.infrastructure import Nats
from tests.kit.stored_bundles import StoredFiles, distribute_work, store_files

FILES = make_bundle()
TRACE = "00-0123456789abcdef0123456789abcdef-0123456789abcdef-01"
TAR = tar_of(FILES)
TAR_DIGEST = f"sha256:{hashlib.sha256(TAR).hexdigest()}"


@pytest.fixture
async def stored(stock: Stock) -> StoredFiles:
    return await store_files(stock.blobs, FILES)


async def target(stock: Stock, run: str) -> Target | None:
    async with stock.database.tenant("acme") as connection:
        return await distributions.find(connection, "acme", run, "download")


async def stored_bundle(stock: Stock, run: str) -> bundles.StoredBundle:
    async with stock.database.tenant("acme") as connection:
        return await bundles.get(connection, "acme", run)


async def test_a_delivery_registers_the_bundle_with_its_tar(
    stock: Stock, stored: StoredFiles, run: str
) -> None:
    outcome = await stock.deliveries.deliver(order_of(distribute_work(stored, run)))
    assert outcome is not None
    assert (outcome.digest, outcome.size) == (TAR_DIGEST, len(TAR))
    assert outcome.reference == f"/api/export/runs/{run}/bundle"
    found = await target(stock, run)
    assert found is not None
    assert (found.state, found.attempts, found.outcome) == (State.SUCCEEDED, 1, outcome)
    bundle = await stored_bundle(stock, run)
    assert (bundle.tar_digest, bundle.layout_digest) == (TAR_DIGEST, stored.layout.digest)


async def test_a_second_delivery_does_nothing_and_gives_the_same_answer(
    stock: Stock, stored: StoredFiles, run: str
) -> None:
    order = order_of(distribute_work(stored, run))
    first = await stock.deliveries.deliver(order)
    for file in stored.message.files:
        for piece in file.pieces:
            await stock.blobs.delete("acme", piece.digest)
    assert await stock.deliveries.deliver(order) == first
    found = await target(stock, run)
    assert found is not None
    assert found.attempts == 1


async def test_an_unchanged_bundle_is_not_read_again(stock: Stock, stored: StoredFiles, run: str) -> None:
    first = await stock.deliveries.deliver(order_of(distribute_work(stored, run)))
    # Another byte of the same length: found by whoever reads, and nobody does.
    piece = stored.message.files[0].pieces[0]
    path = stock.blobs.local_path("acme", piece.digest)
    assert path is not None
    path.write_bytes(b"x" * piece.bytes)
    second = await stock.deliveries.deliver(order_of(distribute_work(stored, f"{run}-2")))
    assert first is not None
    assert second is not None
    assert (second.digest, second.size) == (first.digest, first.size)


async def test_a_missing_blob_is_named(stock: Stock, stored: StoredFiles, run: str) -> None:
    piece = stored.message.files[2].pieces[0]
    await stock.blobs.delete("acme", piece.digest)
    with pytest.raises(BlobMissing, match=piece.digest):
        await stock.deliveries.deliver(order_of(distribute_work(stored, run)))
    with pytest.raises(BundleNotReady):
        await stored_bundle(stock, run)


async def test_a_file_with_a_changed_byte_is_named(stock: Stock, stored: StoredFiles, run: str) -> None:
    file = stored.message.files[1]
    path = stock.blobs.local_path("acme", file.pieces[0].digest)
    assert path is not None
    data = bytearray(path.read_bytes())
    data[0] ^= 1
    path.write_bytes(data)
    with pytest.raises(BlobCorrupt, match=file.digest):
        await stock.deliveries.deliver(order_of(distribute_work(stored, run)))


async def test_a_shorter_blob_is_found_without_reading(stock: Stock, stored: StoredFiles, run: str) -> None:
    path = stock.blobs.local_path("acme", stored.message.files[1].pieces[0].digest)
    assert path is not None
    path.write_bytes(b"")
    with pytest.raises(BlobCorrupt):
        await stock.deliveries.deliver(order_of(distribute_work(stored, run)))


async def test_a_later_attempt_wins_whatever_the_order_of_arrival(
    stock: Stock, stored: StoredFiles, run: str
) -> None:
    newer = await store_files(stock.blobs, make_bundle(key=OTHER_KEY))
    await stock.deliveries.deliver(order_of(distribute_work(newer, run, attempt=2)))
    assert await stock.deliveries.deliver(order_of(distribute_work(stored, run, attempt=1))) is None
    assert (await stored_bundle(stock, run)).layout_digest == newer.layout.digest


async def test_a_bundle_of_another_tenant_is_not_there(stock: Stock, stored: StoredFiles, run: str) -> None:
    await stock.deliveries.deliver(order_of(distribute_work(stored, run)))
    async with stock.database.tenant("beta") as connection:
        with pytest.raises(BundleNotFound):
            await bundles.get(connection, "acme", run)
        assert await distributions.page(connection, "acme", None, None, 10) == ()


class Results:
    """Results in the order in which they came, as the planner gets them."""

    def __init__(self) -> None:
        self.queue: asyncio.Queue[tuple[DistributeResult, dict[str, str]]] = asyncio.Queue()

    async def take(self, delivery: Delivery) -> None:
        await self.queue.put((DistributeResult.FromString(delivery.payload), delivery.headers))

    async def next(self) -> tuple[DistributeResult, dict[str, str]]:
        return await asyncio.wait_for(self.queue.get(), 20)


@contextlib.asynccontextmanager
async def running(worker: Worker) -> AsyncIterator[None]:
    task = asyncio.create_task(worker.run())
    try:
        yield
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


@pytest.fixture
async def planner(nats: Nats) -> AsyncIterator[Bus]:
    bus = await nats.connect("planner")
    yield bus
    await bus.close()


@pytest.fixture
async def results(planner: Bus) -> AsyncIterator[Results]:
    found = Results()
    worker = Worker(
        planner,
        stream="RESULT",
        durable="result-distribute",
        subject=RESULT_DISTRIBUTE,
        handler=found.take,
    )
    async with running(worker):
        yield found


@pytest.fixture
async def bus(nats: Nats) -> AsyncIterator[Bus]:
    connected = await nats.connect("distributor")
    yield connected
    await connected.close()


async def test_work_from_the_bus_is_answered_with_what_was_delivered(
    stock: Stock, stored: StoredFiles, planner: Bus, bus: Bus, results: Results, run: str
) -> None:
    work = distribute_work(stored, run, number=3)
    async with running(DistributeIntake(bus, stock.deliveries).worker("http", 2)):
        trace = {"traceparent": TRACE}
        await planner.publish(work_distribute("http"), work.SerializeToString(), f"work-{run}", trace)
        result, headers = await results.next()
    assert (result.context, result.target_id) == (work.context, "download")
    assert (result.done.digest, result.done.bytes) == (TAR_DIGEST, len(TAR))
    assert headers["traceparent"] == TRACE


def delivery(stored: StoredFiles, run: str, attempt: int = 1) -> Delivery:
    payload = distribute_work(stored, run).SerializeToString()
    return Delivery("export.work.distribute.http", payload, "work", {}, attempt)


async def test_a_bundle_that_cannot_be_delivered_is_answered_at_once_with_the_reason(
    stock: Stock, stored: StoredFiles, bus: Bus, results: Results, run: str
) -> None:
    await stock.blobs.delete("acme", stored.message.files[0].pieces[0].digest)
    await DistributeIntake(bus, stock.deliveries).handle(delivery(stored, run))
    result, _ = await results.next()
    assert (result.error.code, result.error.retryable) == ("ERR_EXPORT_BLOB_MISSING", False)
    found = await target(stock, run)
    assert found is not None
    assert found.fault is not None
    assert (found.state, found.fault.code) == (State.FAILED, "ERR_EXPORT_BLOB_MISSING")


class Waiting:
    """A driver that waits until it is stopped, or fails with an error."""

    name = "http"

    def __init__(self, error: Exception | None = None) -> None:
        self.begun = asyncio.Event()
        self._error = error

    async def deliver(self, bundle: Bundle, blobs: Blobs) -> DriverDelivered:
        del bundle, blobs
        self.begun.set()
        if self._error is not None:
            raise self._error
        await asyncio.Event().wait()
        raise AssertionError("it waits for ever")


def with_driver(stock: Stock, driver: Waiting) -> Deliveries:
    return Deliveries(stock.database, stock.blobs, stock.layouts, {"http": driver}, clock.now)


def cancelled(attempt: int) -> bytes:
    return WorkContext(attempt=attempt).SerializeToString()


async def test_a_cancelled_run_is_dropped_within_a_second_and_not_answered(
    stock: Stock, stored: StoredFiles, planner: Bus, bus: Bus, results: Results, run: str
) -> None:
    driver = Waiting()
    intake = DistributeIntake(bus, with_driver(stock, driver))
    await intake.listen()
    task = asyncio.create_task(intake.handle(delivery(stored, run)))
    await driver.begun.wait()
    await planner.tell(cancel("run-other"), cancelled(1))
    await planner.tell(cancel(run), cancelled(1))
    await asyncio.wait_for(task, 1)
    found = await target(stock, run)
    assert found is not None
    assert found.fault is not None
    assert (found.state, found.fault.code) == (State.FAILED, "ERR_EXPORT_CANCELLED")
    assert results.queue.empty()


async def test_a_cancel_that_comes_late_leaves_the_retry_at_work(
    stock: Stock, stored: StoredFiles, planner: Bus, bus: Bus, run: str
) -> None:
    driver = Waiting()
    intake = DistributeIntake(bus, with_driver(stock, driver))
    await intake.listen()
    order = distribute_work(stored, run, attempt=2).SerializeToString()
    task = asyncio.create_task(intake.handle(Delivery("export.work.distribute.http", order, "work", {}, 1)))
    await driver.begun.wait()
    await planner.tell(cancel(run), cancelled(1))
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(asyncio.shield(task), 0.5)
    await planner.tell(cancel(run), cancelled(2))
    await asyncio.wait_for(task, 1)


async def test_a_stopping_process_leaves_the_work_to_another(
    stock: Stock, stored: StoredFiles, bus: Bus, run: str
) -> None:
    driver = Waiting()
    task = asyncio.create_task(
        DistributeIntake(bus, with_driver(stock, driver)).handle(delivery(stored, run))
    )
    await driver.begun.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    found = await target(stock, run)
    assert found is not None
    assert found.state is State.RUNNING


async def test_what_may_go_better_next_time_is_raised_and_given_up_in_the_end(
    stock: Stock, stored: StoredFiles, bus: Bus, results: Results, run: str
) -> None:
    down = Unavailable(dependency="the registry", reason="it is down")
    intake = DistributeIntake(bus, with_driver(stock, Waiting(down)))
    with pytest.raises(Unavailable):
        await intake.handle(delivery(stored, run))
    await intake.give_up(delivery(stored, run, attempt=5), down)
    result, _ = await results.next()
    assert result.error.code == "ERR_EXPORT_WORK_GIVEN_UP"
    assert "the registry does not answer" in result.error.message
    found = await target(stock, run)
    assert found is not None
    assert found.state is State.FAILED


async def test_work_that_cannot_be_read_is_given_up_without_an_answer(
    stock: Stock, stored: StoredFiles, bus: Bus, results: Results, run: str
) -> None:
    intake = DistributeIntake(bus, stock.deliveries)
    unreadable = Delivery("export.work.distribute.http", b"\xff", "work", {}, 5)
    await intake.give_up(unreadable, ValueError("odd"))
    await intake.handle(delivery(stored, run))
    result, _ = await results.next()
    assert result.context.run == run


async def test_a_delivery_that_ends_late_leaves_the_later_attempt_s_bundle(
    stock: Stock, stored: StoredFiles, run: str
) -> None:
    await stock.deliveries.deliver(order_of(distribute_work(stored, run, attempt=2)))
    later = await stored_bundle(stock, run)
    late = replace(later, attempt=1, tar_digest=f"sha256:{'0' * 64}")
    async with stock.database.tenant("acme") as connection:
        await bundles.save(connection, "acme", late, clock.now())
    assert await stored_bundle(stock, run) == later
