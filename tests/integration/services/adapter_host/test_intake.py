"""Work over real NATS: shared by hosts, delivered twice, cancelled, refused, given up."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar

import pytest
from nats.js.api import AckPolicy, ConsumerConfig
from stellaops.export.v1.digests_pb2 import BlobRef
from stellaops.export.v1.selectors_pb2 import RECORD_KIND_SBOM, Selector
from stellaops.export.work.v1.work_pb2 import (
    AdaptResult,
    AdaptWork,
    AssembleResult,
    AssembleWork,
    BundleLayout,
    KeyRange,
    WorkContext,
)

from libs.common.blobs.store import Blobs
from libs.common.bus import subjects
from libs.common.bus.client import Bus
from libs.common.bus.worker import Delivery
from libs.common.errors import Unavailable
from libs.common.trace import span
from services.adapter_host.adapters.json_raw.adapter import ADAPTER
from services.adapter_host.cancels import Cancels
from services.adapter_host.installed import installed_adapters
from services.adapter_host.intake import Intake, make_workers
from services.adapter_host.sources.ledger import Ledger
from services.adapter_host.stages import AdaptStage, AssembleStage
from tests.kit.infrastructure import Nats
from tests.kit.parts import header, spec
from tests.kit.shards import open_blobs, part_starts, split
from tests.kit.upstream import TENANT, Upstream, in_order, made_up, served

RECORDS = in_order(made_up(f"key-{number}") for number in range(600))
DATASETS = {("sbom", "one"): RECORDS}
TRACE = "00-0123456789abcdef0123456789abcdef-0123456789abcdef-01"
WAIT_SECONDS = 30.0

Result = TypeVar("Result", AdaptResult, AssembleResult)


@dataclass
class Stand:
    """A planner's end of the bus, and what hosts need."""

    nats: Nats
    planner: Bus
    upstream: Upstream
    ledger: Ledger
    blobs: Blobs
    runs: Iterator[str]
    hosts: list[asyncio.Task[None]] = field(default_factory=list)
    buses: list[Bus] = field(default_factory=list)

    async def start_host(self, name: str) -> None:
        """Start one adapter host's workers."""
        bus = await self.nats.connect("adapter_host")
        cancels = Cancels()
        await bus.listen(subjects.CANCEL_ALL, cancels.hear)
        adapters = installed_adapters()
        workers = make_workers(
            bus,
            [ADAPTER.about],
            Intake(AdaptStage(adapters, self.ledger, self.blobs, name), bus, cancels),
            Intake(AssembleStage(adapters, self.blobs), bus, cancels),
            1,
            1,
        )
        self.buses.append(bus)
        self.hosts += [asyncio.create_task(worker.run()) for worker in workers]

    async def intake(self) -> Intake[AdaptWork, AdaptResult]:
        """Return what handles shards, without its worker."""
        bus = await self.nats.connect("adapter_host")
        self.buses.append(bus)
        return Intake(AdaptStage(installed_adapters(), self.ledger, self.blobs, "host"), bus, Cancels())

    async def send(self, work: AdaptWork, message_id: str) -> None:
        """Publish a shard's work."""
        subject = subjects.work_adapt("json", "raw")
        await self.planner.publish(subject, work.SerializeToString(), message_id, {"traceparent": TRACE})

    async def results(self, count: int, subject: str, kind: type[Result]) -> dict[str, Result]:
        """Return the next results by message id, once there are that many."""
        durable = subject.removeprefix("export.").replace(".", "-")  # as the planner names it
        config = ConsumerConfig(durable_name=durable, filter_subject=subject, ack_policy=AckPolicy.EXPLICIT)
        await self.planner.jetstream.add_consumer("RESULT", config)
        subscription = await self.planner.jetstream.pull_subscribe_bind(durable=durable, stream="RESULT")
        found: dict[str, Result] = {}
        async with asyncio.timeout(WAIT_SECONDS):
            while len(found) < count:
                for message in await subscription.fetch(1, timeout=WAIT_SECONDS):
                    headers = message.headers or {}
                    assert headers["traceparent"] == TRACE
                    found[headers["Nats-Msg-Id"]] = kind.FromString(message.data)
                    await message.ack()
        return found

    async def adapted(self, count: int) -> dict[str, AdaptResult]:
        """Return the next results of shards."""
        return await self.results(count, subjects.RESULT_ADAPT, AdaptResult)

    async def assembled(self, run: str, shards: Sequence[BlobRef]) -> AssembleResult:
        """Ask for an assembly and return its result."""
        context = WorkContext(tenant=TENANT, run=run, attempt=1)
        work = AssembleWork(context=context, spec=spec(), shards=shards, header=header())
        subject, message_id = subjects.work_assemble("json", "raw"), f"assemble-{run}-1"
        await self.planner.publish(subject, work.SerializeToString(), message_id, {"traceparent": TRACE})
        answers = await self.results(1, subjects.RESULT_ASSEMBLE, AssembleResult)
        return answers[f"result-{message_id}"]

    async def until_drained(self) -> None:
        """Wait until no work is left unacknowledged."""
        async with asyncio.timeout(WAIT_SECONDS):
            # The server tells only when it is asked.
            while (await self.buses[0].jetstream.stream_info(subjects.ADAPT)).state.messages:  # noqa: ASYNC110 - see above
                await asyncio.sleep(0.01)

    async def stop(self) -> None:
        """Stop the hosts."""
        for task in self.hosts:
            task.cancel()
        for task in self.hosts:
            with contextlib.suppress(asyncio.CancelledError):
                await task
        for bus in (*self.buses, self.planner):
            await bus.close()


@pytest.fixture(scope="module")
def runs() -> Iterator[str]:
    return (f"run-{number:05}" for number in range(1000))


@pytest.fixture
async def stand(nats: Nats, tmp_path: Path, runs: Iterator[str]) -> AsyncIterator[Stand]:
    upstream = Upstream(DATASETS)
    async with served(upstream, tmp_path / "keys") as ledger:
        planner = await nats.connect("planner")
        stand = Stand(nats, planner, upstream, ledger, open_blobs(tmp_path / "blobs"), runs)
        try:
            yield stand
        finally:
            await stand.stop()


def shard(run: str, number: int, *ranges: KeyRange, selector: Selector | None = None) -> AdaptWork:
    context = WorkContext(tenant=TENANT, run=run, attempt=1, number=1)
    chosen = ranges or (KeyRange(kind=RECORD_KIND_SBOM, source="one"),)
    return AdaptWork(context=context, shard=number, spec=spec(selector), ranges=chosen)


def all_shards(run: str) -> list[AdaptWork]:
    ranges = split("sbom", "one", part_starts("sbom", RECORDS))
    return [
        shard(run, number, KeyRange(kind=RECORD_KIND_SBOM, source="one", start=one.start, end=one.end))
        for number, one in enumerate(ranges)
    ]


async def test_two_hosts_share_the_shards_and_one_assembles_the_same_bundle_as_one_host_alone(
    stand: Stand,
) -> None:
    run = next(stand.runs)
    for name in ("host-a", "host-b"):
        await stand.start_host(name)
    works = all_shards(run)
    for work in works:
        await stand.send(work, f"adapt-{run}-1-{work.shard}")
    results = await stand.adapted(len(works))
    assert set(results) == {f"result-adapt-{run}-1-{work.shard}" for work in works}
    ordered = sorted(results.values(), key=lambda result: result.shard)
    assert sum(result.done.records for result in ordered) == len(RECORDS)

    alone = next(stand.runs)
    await stand.send(shard(alone, 0), f"adapt-{alone}-1-0")
    single = next(iter((await stand.adapted(1)).values()))
    manifests = set()
    for name, shards in ((run, [result.done.output for result in ordered]), (alone, [single.done.output])):
        done = (await stand.assembled(name, shards)).done
        manifests.add((done.manifest.digest, done.layout.digest))
    assert len(manifests) == 1


async def test_the_same_message_twice_gives_the_same_blobs_and_one_result(stand: Stand) -> None:
    run = next(stand.runs)
    intake = await stand.intake()
    payload = shard(run, 4).SerializeToString()
    delivery = Delivery("", payload, f"adapt-{run}-1-4", {}, 1)
    with span("work", parent=TRACE):
        await intake.handle(delivery)
    before = await stand.planner.jetstream.stream_info("RESULT")
    first = await stand.adapted(1)
    await intake.handle(delivery)
    after = await stand.planner.jetstream.stream_info("RESULT")
    assert after.state.last_seq == before.state.last_seq
    result = first[f"result-adapt-{run}-1-4"]
    assert (result.shard, result.worker, result.context.run) == (4, "host", run)
    assert await stand.blobs.exists(TENANT, result.done.output.digest)


async def test_a_cancelled_run_stops_within_a_second_and_leaves_no_result(stand: Stand) -> None:
    run, other = next(stand.runs), next(stand.runs)
    stand.upstream.gate = asyncio.Event()
    await stand.start_host("host")
    await stand.send(shard(run, 0), f"adapt-{run}-1-0")
    async with asyncio.timeout(WAIT_SECONDS):
        await stand.upstream.waiting.wait()
    await stand.planner.tell(subjects.cancel(run), shard(run, 0).context.SerializeToString())
    async with asyncio.timeout(1):
        await stand.until_drained()
    stand.upstream.gate.set()
    await stand.send(shard(run, 1), f"adapt-{run}-1-1")
    await stand.send(shard(other, 0), f"adapt-{other}-1-0")
    assert list(await stand.adapted(1)) == [f"result-adapt-{other}-1-0"]


async def test_a_frame_that_the_upstream_corrupts_is_an_error_result_at_once(stand: Stand) -> None:
    run = next(stand.runs)
    digest = stand.upstream.segments["sbom", "one"][0].documents.stored_digest
    stand.upstream.spoiled[digest] = b"x" * len(stand.upstream.frames[digest])
    await stand.start_host("host")
    await stand.send(shard(run, 0), f"adapt-{run}-1-0")
    error = (await stand.adapted(1))[f"result-adapt-{run}-1-0"].error
    assert (error.code, error.retryable) == ("ERR_EXPORT_EVIDENCE_CORRUPT", False)
    assert digest in error.message
    assert error.cure
    assert stand.upstream.asked.count(digest) == 1


async def test_work_for_another_version_of_the_adapter_is_an_error_result(stand: Stand) -> None:
    run = next(stand.runs)
    work = shard(run, 0)
    work.spec.version = "9.9.9"
    await stand.start_host("host")
    await stand.send(work, f"adapt-{run}-1-0")
    error = (await stand.adapted(1))[f"result-adapt-{run}-1-0"].error
    assert (error.code, error.retryable) == ("ERR_EXPORT_ADAPTER_VERSION", False)


async def test_a_selector_that_the_adapter_refuses_is_an_error_result_that_names_the_field(
    stand: Stand,
) -> None:
    run = next(stand.runs)
    await stand.start_host("host")
    await stand.send(shard(run, 0, selector=Selector(ids=["cve-2024-1"])), f"adapt-{run}-1-0")
    error = (await stand.adapted(1))[f"result-adapt-{run}-1-0"].error
    assert error.code == "ERR_EXPORT_INVALID"
    assert "spec.selector.ids[0]" in error.message


async def test_an_upstream_that_is_away_is_given_up_on_and_may_be_tried_again(stand: Stand) -> None:
    run = next(stand.runs)
    stand.upstream.lists_segments, stand.upstream.interrupt_after = False, 1
    intake = await stand.intake()
    payload = shard(run, 0).SerializeToString()
    delivery = Delivery("", payload, f"adapt-{run}-1-0", {}, 5)
    with pytest.raises(Unavailable) as caught:
        await intake.handle(delivery)
    with span("work", parent=TRACE):
        await intake.give_up(delivery, caught.value)
    error = (await stand.adapted(1))[f"result-adapt-{run}-1-0"].error
    assert (error.code, error.retryable) == ("ERR_EXPORT_WORK_GIVEN_UP", True)
    assert "5 times" in error.message
    assert caught.value.message in error.message


async def test_what_nobody_foresaw_is_given_up_on_without_its_text(stand: Stand) -> None:
    run = next(stand.runs)
    intake = await stand.intake()
    payload = shard(run, 0).SerializeToString()
    delivery = Delivery("", payload, f"adapt-{run}-1-0", {}, 5)
    with span("work", parent=TRACE):
        await intake.give_up(delivery, KeyError("secret detail"))
    error = (await stand.adapted(1))[f"result-adapt-{run}-1-0"].error
    assert (error.code, error.retryable) == ("ERR_EXPORT_WORK_GIVEN_UP", False)
    assert "secret" not in error.message


async def test_shards_that_are_missing_are_an_error_result_of_the_assembly(stand: Stand) -> None:
    await stand.start_host("host")
    gone = BlobRef(digest="sha256:" + "0" * 64, bytes=1)
    answer = await stand.assembled(next(stand.runs), [gone])
    assert answer.error.code == "ERR_EXPORT_BLOB_MISSING"


async def test_the_layout_names_blobs_that_are_there(stand: Stand) -> None:
    run = next(stand.runs)
    await stand.start_host("host")
    await stand.send(shard(run, 0), f"adapt-{run}-1-0")
    output = (await stand.adapted(1))[f"result-adapt-{run}-1-0"].done.output
    done = (await stand.assembled(run, [output])).done
    layout = BundleLayout.FromString(await stand.blobs.get(TENANT, done.layout.digest))
    pieces = [piece for file in layout.files for piece in file.pieces]
    assert [await stand.blobs.size(TENANT, piece.digest) for piece in pieces] == [
        piece.bytes for piece in pieces
    ]
    assert done.files == len(layout.files) - 1
    assert done.bytes == sum(file.bytes for file in layout.files) - done.manifest.bytes
