"""Runs from their creation to their end, over real PostgreSQL, NATS and gRPC."""

from __future__ import annotations

import asyncio

import grpc
import pytest
from stellaops.export.v1 import runs_pb2
from stellaops.export.v1.selectors_pb2 import RECORD_KIND_ADVISORY, RECORD_KIND_VEX, Selector
from stellaops.export.v1.targets_pb2 import Target
from stellaops.export.work.v1 import work_pb2

from libs.common.bus import subjects
from libs.common.rpc.status import error_info
from tests.kit.planner import House, MadeSegment, failing, refused, until

ALL = ["created", "started", "planned", "shard_done", "assembled", "signed", "distributed", "succeeded"]
MIRROR = Target(id="mirror", driver="http")


async def test_a_run_goes_through_every_stage_to_success(house: House, tenant: str) -> None:
    client = house.client(tenant)
    await client.create_profile()
    events = await client.watch((await client.start()).name)
    assert [event.type for event in events] == ALL
    assert [event.sequence for event in events] == list(range(1, 9))
    assert [event.terminal for event in events] == [False] * 7 + [True]


async def test_a_finished_run_shows_what_it_was(house: House, tenant: str) -> None:
    client = house.client(tenant)
    await client.create_profile()
    name = (await client.start()).name
    await client.watch(name)
    run = await client.get(name)
    assert (run.state, run.stage) == (runs_pb2.Run.STATE_SUCCEEDED, runs_pb2.Run.STAGE_DISTRIBUTING)
    assert (run.profile, run.revision) == (f"tenants/{tenant}/profiles/nightly", "r1")
    assert (run.kind, run.variant, run.actor, run.attempt) == ("test", "plain", f"user-{tenant}", 1)
    assert [(found.system, found.records) for found in run.inputs] == [("ledger", 30)]
    assert len(run.export_id) == 40
    assert run.manifest.bytes == 500
    progress = run.progress
    assert (progress.shards_total, progress.shards_done) == (1, 1)
    assert (progress.records, progress.segments, progress.segments_reused) == (10, 2, 1)
    assert (progress.targets_total, progress.targets_done) == (1, 1)
    assert run.create_time.ToNanoseconds() <= run.start_time.ToNanoseconds() <= run.end_time.ToNanoseconds()


async def test_equal_inputs_give_an_equal_export(house: House, tenant: str) -> None:
    client = house.client(tenant)
    await client.create_profile()
    one, other = await client.start(), await client.start()
    assert one.name != other.name
    assert one.export_id == other.export_id


async def test_a_run_of_equal_inputs_takes_over_what_an_earlier_one_made(house: House, tenant: str) -> None:
    client = house.client(tenant)
    await client.create_profile()
    first = await client.start()
    await client.watch(first.name)
    assembled = list(house.workers.work["assemble"].shards)
    house.workers.done.clear()
    again = await client.start()
    events = await client.watch(again.name)
    assert [event.type for event in events] == [kind for kind in ALL if kind != "shard_done"]
    assert [stage for stage, _, _ in house.workers.done] == ["assemble", "sign", "distribute"]
    assert list(house.workers.work["assemble"].shards) == assembled
    progress = (await client.get(again.name)).progress
    assert (progress.shards_done, progress.records) == (1, 10)
    assert progress.segments_reused == progress.segments


async def test_changed_evidence_is_read_again(house: House, tenant: str) -> None:
    client = house.client(tenant)
    await client.create_profile()
    await client.watch((await client.start()).name)
    house.evidence.datasets[tenant] = {(RECORD_KIND_VEX, "newer"): [MadeSegment(b"N-1")]}
    assert [event.type for event in await client.watch((await client.start()).name)] == ALL


async def test_where_blobs_of_an_earlier_run_are_gone_the_next_attempt_makes_them_anew(
    house: House, tenant: str
) -> None:
    client = house.client(tenant)
    await client.create_profile()
    await client.watch((await client.start()).name)
    house.workers.failing["assemble"] = failing("ERR_EXPORT_BLOB_MISSING")
    events = await client.watch((await client.start()).name)
    taken_over, anew = events[:4], events[4:]
    assert [event.type for event in taken_over] == ["created", "started", "planned", "failed"]
    assert [event.type for event in anew] == ["retried", *ALL[1:]]


async def test_blobs_that_are_gone_twice_fail_the_run(house: House, tenant: str) -> None:
    house.workers.failing["assemble"] = failing("ERR_EXPORT_BLOB_MISSING", times=2)
    client = house.client(tenant)
    await client.create_profile()
    run = await client.start()
    events = await client.watch(run.name)
    assert (events[-1].type, events[-1].error.code) == ("failed", "ERR_EXPORT_BLOB_MISSING")
    assert (await client.get(run.name)).attempt == 2


async def test_a_repeated_request_gives_the_first_run(house: House, tenant: str) -> None:
    client = house.client(tenant)
    await client.create_profile()
    first = await client.start(request_id="one")
    assert (await client.start(request_id="one")).name == first.name


async def test_requests_at_the_same_time_with_one_id_start_one_run(house: House, tenant: str) -> None:
    client = house.client(tenant)
    await client.create_profile()
    started = await asyncio.gather(*(client.start(request_id="one") for _ in range(5)))
    assert len({run.name for run in started}) == 1
    assert len({holder for holder in house.evidence.held if holder[0] == tenant}) <= 1


async def test_a_request_id_is_good_for_one_request(house: House, tenant: str) -> None:
    client = house.client(tenant)
    await client.create_profile()
    await client.start(request_id="one")
    with refused("ERR_EXPORT_REQUEST_ID_REUSED"):
        await client.start(request_id="one", selector=Selector(sources=["osv-go"]))


async def test_a_request_id_belongs_to_its_tenant(house: House, tenant: str) -> None:
    names = set()
    for client in (house.client(tenant), house.client("other")):
        await client.create_profile(f"of-{tenant[:40]}")
        names.add((await client.start(f"of-{tenant[:40]}", request_id="shared")).name)
    assert len(names) == 2


async def test_a_run_of_an_unknown_profile_is_refused(house: House, tenant: str) -> None:
    with refused("ERR_EXPORT_PROFILE_NOT_FOUND"):
        await house.client(tenant).start("nothing")


async def test_a_run_over_nothing_is_refused_and_holds_nothing(house: House, tenant: str) -> None:
    client = house.client(tenant)
    await client.create_profile()
    with refused("ERR_EXPORT_NOTHING_SELECTED"):
        await client.start(selector=Selector(sources=["nobody"]))
    assert [holder for holder in house.evidence.held if holder[0] == tenant] == []


async def test_a_fault_of_the_run_s_selector_names_the_field(house: House, tenant: str) -> None:
    client = house.client(tenant)
    await client.create_profile()
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await client.start(selector=Selector(ecosystems=["Go", "Nowhere"]))
    found = error_info(caught.value)
    assert found is not None
    assert found.metadata["field"] == "run.selector.ecosystems[1]"


async def test_validation_alone_starts_nothing(house: House, tenant: str) -> None:
    client = house.client(tenant)
    await client.create_profile()
    request = runs_pb2.CreateRunRequest(run=runs_pb2.Run(profile="nightly"), validate_only=True)
    shown = await client.runs.CreateRun(request, metadata=client.metadata)
    listed = await client.runs.ListRuns(runs_pb2.ListRunsRequest(), metadata=client.metadata)
    assert (shown.name, shown.revision, len(listed.runs)) == ("", "r1", 0)
    assert [holder for holder in house.evidence.held if holder[0] == tenant] == []


async def test_work_says_what_was_pinned(house: House, tenant: str) -> None:
    client = house.client(tenant)
    await client.create_profile(include=[RECORD_KIND_ADVISORY])
    run = await client.start(selector=Selector(ids=["CVE-1"]))
    await client.watch(run.name)
    work = house.workers.work["adapt 0"]
    assert [(part.kind, part.source) for part in work.ranges] == [(RECORD_KIND_ADVISORY, "osv-go")]
    assert list(work.spec.selector.ids) == ["CVE-1"]
    assert house.workers.work["assemble"].header.export_id == run.export_id
    assert [material.name for material in house.workers.work["sign"].materials] == [
        "ledger",
        "ledger/advisory/osv-go",
    ]


async def test_large_evidence_is_cut_into_shards(house: House, tenant: str) -> None:
    keys = sorted(f"SEG-{number}".encode() for number in range(400))
    house.evidence.datasets[tenant] = {
        (RECORD_KIND_VEX, "vendor"): [MadeSegment(key, 8 << 20) for key in keys]
    }
    client = house.client(tenant)
    await client.create_profile()
    events = await client.watch((await client.start()).name)
    shards = [event.progress.shards_done for event in events if event.type == "shard_done"]
    assert len(shards) > 1
    assert shards == list(range(1, events[-1].progress.shards_total + 1))


async def test_an_upstream_that_lists_no_segments_is_one_range_a_dataset(house: House, tenant: str) -> None:
    house.evidence.lists_segments = False
    client = house.client(tenant)
    await client.create_profile()
    await client.watch((await client.start()).name)
    assert [(part.start, part.end) for part in house.workers.work["adapt 0"].ranges] == [(b"", b"")] * 2


async def test_a_failed_signature_fails_the_run_with_its_cure(house: House, tenant: str) -> None:
    house.workers.failing["sign"] = failing("ERR_EXPORT_KEY")
    client = house.client(tenant)
    await client.create_profile()
    events = await client.watch((await client.start()).name)
    assert [event.type for event in events][-2:] == ["assembled", "failed"]
    error = events[-1].error
    assert (error.code, error.message, error.cure) == ("ERR_EXPORT_KEY", "sign failed.", "Mend it.")
    assert error.stage == runs_pb2.Run.STAGE_SIGNING


async def test_a_retry_before_the_signature_runs_again_over_the_same_evidence(
    house: House, tenant: str
) -> None:
    house.workers.failing["sign"] = failing("ERR_EXPORT_KEY")
    client = house.client(tenant)
    await client.create_profile()
    run = await client.start()
    failed = await client.watch(run.name)
    house.evidence.datasets[tenant] = {(RECORD_KIND_VEX, "newer"): [MadeSegment(b"N-1")]}
    retried = await client.retry(run.name)
    events = await client.watch(run.name, failed[-1].sequence)
    assert [event.type for event in events] == ["retried", *ALL[1:]]
    assert (retried.attempt, retried.export_id) == (2, run.export_id)
    assert (await client.get(run.name)).inputs == run.inputs


async def test_a_failed_target_leaves_the_bundle_and_is_all_that_a_retry_sends(
    house: House, tenant: str
) -> None:
    house.workers.failing["distribute mirror"] = failing("ERR_EXPORT_TARGET")
    client = house.client(tenant)
    await client.create_profile(targets=[MIRROR])
    run = await client.start()
    events = await client.watch(run.name)
    assert sorted(event.type for event in events[6:]) == ["distributed", "failed", "target_failed"]
    shown = await client.get(run.name)
    assert (shown.state, shown.error.code) == (runs_pb2.Run.STATE_FAILED, "ERR_EXPORT_TARGET")
    assert (shown.manifest.bytes, shown.progress.targets_done) == (500, 1)
    house.workers.done.clear()
    await client.retry(run.name)
    again = await client.watch(run.name, events[-1].sequence)
    assert [event.type for event in again] == ["retried", "started", "distributed", "succeeded"]
    assert [(stage, item) for stage, item, _ in house.workers.done] == [("distribute", "mirror")]


async def test_work_that_may_go_better_is_asked_for_again_under_a_new_id(house: House, tenant: str) -> None:
    house.workers.failing["adapt 0"] = failing("ERR_EXPORT_UNAVAILABLE", retryable=True)
    client = house.client(tenant)
    await client.create_profile()
    run = await client.start()
    events = await client.watch(run.name)
    assert [event.type for event in events] == ALL
    numbers = [
        context.number
        for stage, _, context in house.workers.done
        if stage == "adapt" and run.name.endswith(context.run)
    ]
    assert numbers == [1, 2]


async def test_work_that_never_goes_better_fails_the_run(house: House, tenant: str) -> None:
    house.workers.failing["assemble"] = failing("ERR_EXPORT_UNAVAILABLE", retryable=True, times=99)
    client = house.client(tenant)
    await client.create_profile()
    run = await client.start()
    events = await client.watch(run.name)
    assert (events[-1].type, events[-1].error.code) == ("failed", "ERR_EXPORT_UNAVAILABLE")
    assert house.workers.failing["assemble"].times == 96


async def test_lost_evidence_fails_the_run_while_it_is_planned(house: House, tenant: str) -> None:
    client = house.client(tenant)
    await client.create_profile()
    house.workers.failing["sign"] = failing("ERR_EXPORT_KEY")
    run = await client.start()
    seen = await client.watch(run.name)
    house.evidence.forget()
    await client.retry(run.name)
    events = await client.watch(run.name, seen[-1].sequence)
    assert (events[-1].type, events[-1].error.code) == ("failed", "ERR_EXPORT_SNAPSHOT_GONE")
    assert events[-1].error.stage == runs_pb2.Run.STAGE_PLANNING


async def test_evidence_that_comes_back_lets_the_run_go_on(house: House, tenant: str) -> None:
    client = house.client(tenant)
    await client.create_profile()
    house.workers.failing["sign"] = failing("ERR_EXPORT_KEY")
    run = await client.start()
    seen = await client.watch(run.name)
    house.evidence.down = True
    await client.retry(run.name)
    await until(lambda: asyncio.sleep(0, house.evidence.refusals > 0))
    house.evidence.down = False
    events = await client.watch(run.name, seen[-1].sequence)
    assert events[-1].type == "succeeded"


async def test_a_cancelled_run_stops_at_once_and_its_workers_hear_of_it(house: House, tenant: str) -> None:
    house.workers.idle.add("adapt")
    client = house.client(tenant)
    await client.create_profile()
    run = await client.start()
    await until(lambda: at_stage(house, tenant, run.name, runs_pb2.Run.STAGE_ADAPTING))
    loop = asyncio.get_running_loop()
    before = loop.time()
    cancelled = await client.cancel(run.name)
    assert loop.time() - before < 1.0
    assert cancelled.state == runs_pb2.Run.STATE_CANCELLED
    await until(lambda: asyncio.sleep(0, run.name.split("/")[-1] in {c.run for c in house.workers.cancelled}))
    assert house.workers.cancelled[-1].attempt == 1
    assert [event.type for event in await client.watch(run.name)][-1] == "cancelled"


async def test_cancelling_again_is_fine_and_cancelling_a_success_is_not(house: House, tenant: str) -> None:
    client = house.client(tenant)
    await client.create_profile()
    house.workers.idle.add("sign")
    run = await client.start()
    assert (await client.cancel(run.name)).etag == (await client.cancel(run.name)).etag
    house.workers.obey()
    other = await client.start()
    await client.watch(other.name)
    with refused("ERR_EXPORT_STATE"):
        await client.cancel(other.name)


async def test_a_success_is_not_retried(house: House, tenant: str) -> None:
    client = house.client(tenant)
    await client.create_profile()
    run = await client.start()
    await client.watch(run.name)
    with refused("ERR_EXPORT_STATE"):
        await client.retry(run.name)


async def test_a_repeated_retry_starts_one_attempt(house: House, tenant: str) -> None:
    house.workers.failing["sign"] = failing("ERR_EXPORT_KEY", times=2)
    client = house.client(tenant)
    await client.create_profile()
    run = await client.start()
    seen = await client.watch(run.name)
    await client.retry(run.name, request_id="again")
    await client.watch(run.name, seen[-1].sequence)
    assert (await client.retry(run.name, request_id="again")).attempt == 2


async def test_a_late_result_of_a_cancelled_run_changes_nothing(house: House, tenant: str) -> None:
    house.workers.idle.add("sign")
    client = house.client(tenant)
    await client.create_profile()
    run = await client.start()
    await until(lambda: at_stage(house, tenant, run.name, runs_pb2.Run.STAGE_SIGNING))
    cancelled = await client.cancel(run.name)
    await publish_signature(house, tenant, run.name, "late")
    house.workers.obey()
    other = await client.start()
    await client.watch(other.name)  # what was published before it has been handled by now
    assert await client.get(run.name) == cancelled


async def test_a_second_result_of_the_same_work_changes_nothing(house: House, tenant: str) -> None:
    client = house.client(tenant)
    await client.create_profile()
    run = await client.start()
    events = await client.watch(run.name)
    finished = await client.get(run.name)
    await publish_signature(house, tenant, run.name, "second")
    await client.watch((await client.start()).name)
    assert await client.get(run.name) == finished
    assert await client.watch(run.name) == events


async def test_the_caller_s_trace_goes_with_every_message_and_call(house: House, tenant: str) -> None:
    client = house.client(tenant)
    await client.create_profile()
    trace = "0af7651916cd43dd8448eb211c80319c"
    client.metadata = (*client.metadata, ("traceparent", f"00-{trace}-b7ad6b7169203331-01"))
    await client.watch((await client.start()).name)
    for work in ("adapt 0", "assemble", "sign", "distribute download"):
        assert house.workers.headers[work]["traceparent"].split("-")[1] == trace
    assert house.evidence.traces[-1] == trace


async def test_ends_of_runs_are_counted(house: House, tenant: str) -> None:
    labels = {"profile_kind": "test", "variant": "plain"}
    before = {
        "runs": house.count("exporter_run_duration_seconds_count", **labels),
        "bytes": house.count("exporter_bundle_bytes_total", **labels),
        "failures": house.count("exporter_run_failures_total", error_code="ERR_EXPORT_KEY"),
    }
    client = house.client(tenant)
    await client.create_profile()
    await client.watch((await client.start()).name)
    house.workers.failing["sign"] = failing("ERR_EXPORT_KEY")
    await client.watch((await client.start()).name)
    assert house.count("exporter_run_duration_seconds_count", **labels) == before["runs"] + 1
    assert house.count("exporter_bundle_bytes_total", **labels) == before["bytes"] + 12_345
    assert house.count("exporter_run_failures_total", error_code="ERR_EXPORT_KEY") == before["failures"] + 1


async def at_stage(house: House, tenant: str, name: str, stage: runs_pb2.Run.Stage.ValueType) -> bool:
    """Tell whether a run has come to a stage."""
    return (await house.client(tenant).get(name)).stage == stage


async def publish_signature(house: House, tenant: str, name: str, message_id: str) -> None:
    """Answer for a run's signature like a signer that was slow, or was asked twice."""
    context = work_pb2.WorkContext(tenant=tenant, run=name.rpartition("/")[2], attempt=1, number=1)
    result = work_pb2.SignResult(context=context)
    result.done.layout.digest, result.done.layout.bytes = "sha256:" + "f" * 64, 1
    await house.workers.publish("signer", subjects.RESULT_SIGN, result, f"{message_id}-{context.run}")
