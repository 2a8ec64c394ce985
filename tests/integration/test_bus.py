"""The bus: work is shared, kept alive, tried again and given up."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator

import pytest
from prometheus_client import CollectorRegistry

from libs.common.bus import subjects
from libs.common.bus.client import Bus
from libs.common.bus.worker import ACK_WAIT_SECONDS, Delivery, Handler, Worker
from libs.common.errors import Unavailable
from libs.common.log import note
from libs.common.trace import current_trace, span
from tests.kit.infrastructure import Nats
from tests.kit.log_lines import lines_of

TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"


@contextlib.asynccontextmanager
async def working(worker: Worker) -> AsyncIterator[None]:
    task = asyncio.create_task(worker.run())
    try:
        yield
    finally:
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task


def adapt_worker(bus: Bus, variant: str, handler: Handler, **options: object) -> Worker:
    return Worker(
        bus,
        stream=subjects.ADAPT,
        durable=f"adapt-test-{variant}",
        subject=subjects.work_adapt("test", variant),
        handler=handler,
        **options,  # type: ignore[arg-type] # the worker's own keywords
    )


async def test_one_of_two_workers_handles_each_message(nats: Nats) -> None:
    planner = await nats.connect("planner")
    hosts = [await nats.connect("adapter_host") for _ in range(2)]
    handled: list[bytes] = []
    done = asyncio.Event()

    async def handle(delivery: Delivery) -> None:
        handled.append(delivery.payload)
        if len(handled) == 10:
            done.set()

    async with (
        working(adapt_worker(hosts[0], "share", handle)),
        working(adapt_worker(hosts[1], "share", handle)),
    ):
        for number in range(10):
            await planner.publish(subjects.work_adapt("test", "share"), b"%d" % number, f"share-{number}")
        await asyncio.wait_for(done.wait(), 20)
    assert sorted(handled) == [b"%d" % number for number in range(10)]
    for bus in (planner, *hosts):
        await bus.close()


async def test_a_repeated_message_id_is_stored_once(nats: Nats) -> None:
    planner, host = await nats.connect("planner"), await nats.connect("adapter_host")
    handled: list[str] = []
    last = asyncio.Event()

    async def handle(delivery: Delivery) -> None:
        handled.append(delivery.message_id)
        if delivery.message_id == "once-last":
            last.set()

    subject = subjects.work_adapt("test", "once")
    for message_id in ("once-1", "once-1", "once-last"):
        await planner.publish(subject, b"", message_id)
    async with working(adapt_worker(host, "once", handle)):
        await asyncio.wait_for(last.wait(), 20)
    assert handled == ["once-1", "once-last"]
    for bus in (planner, host):
        await bus.close()


async def test_work_that_always_fails_is_answered_for_after_its_attempts(nats: Nats) -> None:
    planner, host = await nats.connect("planner"), await nats.connect("adapter_host")
    attempts: list[int] = []
    given_up: asyncio.Future[str] = asyncio.get_running_loop().create_future()

    async def handle(delivery: Delivery) -> None:
        attempts.append(delivery.attempt)
        raise ValueError("cannot be done")

    async def give_up(delivery: Delivery, error: Exception) -> None:
        given_up.set_result(f"{delivery.attempt} {error}")

    worker = adapt_worker(host, "fail", handle, give_up=give_up, max_attempts=2)
    async with working(worker):
        await planner.publish(subjects.work_adapt("test", "fail"), b"", "fail-1")
        assert await asyncio.wait_for(given_up, 20) == "2 cannot be done"
    assert attempts == [1, 2]
    for bus in (planner, host):
        await bus.close()


async def test_a_service_cannot_publish_what_is_not_its_own(nats: Nats) -> None:
    host = await nats.connect("adapter_host")
    with pytest.raises(Exception, match=r"bus|permissions|timeout"):
        await asyncio.wait_for(host.publish(subjects.RESULT_SIGN, b"", "forged"), 10)
    await host.close()


QUEUES = {
    "planner": {subjects.PLAN, "RESULT"},
    "adapter_host": {subjects.ADAPT},
    "signer": {subjects.SIGN},
    "distributor": {subjects.DISTRIBUTE},
}
CONSUMING = (
    "CONSUMER.DURABLE.CREATE.{stream}.thief",
    "CONSUMER.CREATE.{stream}.thief",
    "CONSUMER.MSG.NEXT.{stream}.thief",
    "CONSUMER.INFO.{stream}.thief",
    "CONSUMER.DELETE.{stream}.thief",
    "STREAM.MSG.GET.{stream}",
    "STREAM.PURGE.{stream}",
)


@pytest.mark.parametrize("user", QUEUES)
async def test_a_service_cannot_reach_the_work_of_another(nats: Nats, user: str) -> None:
    bus = await nats.connect(user)

    async def answered(call: str) -> bool:
        # The server answers whoever may ask, if only with an error; to others it says nothing.
        try:
            await bus.client.request(f"$JS.API.{call}", b"{}", timeout=0.3)
        except TimeoutError:
            return False
        return True

    others = [stream.name for stream in subjects.STREAMS if stream.name not in QUEUES[user]]
    calls = [call.format(stream=stream) for stream in others for call in CONSUMING]
    assert not any(await asyncio.gather(*(answered(call) for call in calls)))
    assert all([await answered(f"CONSUMER.INFO.{stream}.any") for stream in QUEUES[user]])
    await bus.close()


async def test_work_that_no_process_survives_is_given_up_without_being_begun(nats: Nats) -> None:
    planner, host = await nats.connect("planner"), await nats.connect("adapter_host")
    begun: list[int] = []
    given_up: asyncio.Future[str] = asyncio.get_running_loop().create_future()

    async def handle(delivery: Delivery) -> None:
        begun.append(delivery.attempt)
        raise RuntimeError("as good as dead")

    async def give_up(_delivery: Delivery, error: Exception) -> None:
        given_up.set_result(str(error))

    worker = adapt_worker(host, "deadly", handle, give_up=give_up, max_attempts=5, max_deliveries=1)
    async with working(worker):
        await planner.publish(subjects.work_adapt("test", "deadly"), b"work", "deadly-1")
        reason = await asyncio.wait_for(given_up, 20)
    assert "no process has come to the end" in reason
    assert begun == [1]
    for bus in (planner, host):
        await bus.close()


async def test_work_that_takes_longer_than_the_bus_waits_is_delivered_once(nats: Nats) -> None:
    planner = await nats.connect("planner")
    hosts = [await nats.connect("adapter_host") for _ in range(2)]
    begun: list[int] = []
    done = asyncio.Event()

    async def handle(delivery: Delivery) -> None:
        begun.append(delivery.attempt)
        await asyncio.sleep(ACK_WAIT_SECONDS + 2)
        done.set()

    async with (
        working(adapt_worker(hosts[0], "long", handle)),
        working(adapt_worker(hosts[1], "long", handle)),
    ):
        await planner.publish(subjects.work_adapt("test", "long"), b"work", "long-1")
        await asyncio.wait_for(done.wait(), 30)
    assert begun == [1]
    for bus in (planner, *hosts):
        await bus.close()


async def test_work_that_fails_and_comes_again_is_one_line_each_time_in_its_trace(nats: Nats) -> None:
    planner, host = await nats.connect("planner"), await nats.connect("adapter_host")
    registry = CollectorRegistry()
    traces: list[str] = []

    async def handle(delivery: Delivery) -> None:
        traces.append(current_trace())
        note(tenant="acme", run="r-1")
        if delivery.attempt == 1:
            raise Unavailable(dependency="the store", reason="it is away")

    subject, header = subjects.work_adapt("test", "lines"), f"00-{TRACE}-00f067aa0ba902b7-01"
    worker = adapt_worker(host, "lines", handle, registry=registry)
    with lines_of("libs.common.bus.worker") as lines:
        async with working(worker):
            with span("cause", parent=header):
                await planner.publish(subject, b"x", "lines-1")
            async with asyncio.timeout(20):
                while len(lines.found) < 2:  # noqa: ASYNC110 - the worker tells nobody
                    await asyncio.sleep(0.01)
    first, second = lines.found
    assert traces == [TRACE, TRACE]
    assert (first["outcome"], first["error_code"], first["delivery"]) == (
        "retry",
        "ERR_EXPORT_UNAVAILABLE",
        1,
    )
    assert (second["outcome"], second["delivery"], second["trace"]) == ("ok", 2, TRACE)
    assert {(line["message"], line["tenant"], line["run"]) for line in lines.found} == {
        ("work", "acme", "r-1")
    }
    queue = {"queue": "adapt-test-lines"}
    assert registry.get_sample_value("exporter_work_redeliveries_total", queue) == 1.0
    assert registry.get_sample_value("exporter_work_dead_letters_total", queue) == 0.0
    for bus in (planner, host):
        await bus.close()


async def test_work_that_is_given_up_is_one_line_and_one_dead_letter(nats: Nats) -> None:
    planner, host = await nats.connect("planner"), await nats.connect("adapter_host")
    registry = CollectorRegistry()

    async def handle(delivery: Delivery) -> None:
        raise KeyError(delivery.message_id)

    worker = adapt_worker(host, "dead", handle, registry=registry, max_attempts=1)
    with lines_of("libs.common.bus.worker") as lines:
        async with working(worker):
            await planner.publish(subjects.work_adapt("test", "dead"), b"x", "dead-1")
            async with asyncio.timeout(20):
                while not lines.found:  # noqa: ASYNC110 - the worker tells nobody
                    await asyncio.sleep(0.01)
    assert [(line["outcome"], line["error_code"]) for line in lines.found] == [("given up", "KeyError")]
    queue = {"queue": "adapt-test-dead"}
    assert registry.get_sample_value("exporter_work_dead_letters_total", queue) == 1.0
    for bus in (planner, host):
        await bus.close()
