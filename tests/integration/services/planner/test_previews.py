"""What a run would export, and what changed since the last one."""

from __future__ import annotations

from stellaops.export.v1 import runs_pb2
from stellaops.export.v1.selectors_pb2 import RECORD_KIND_ADVISORY, RECORD_KIND_VEX

from tests.kit.planner import SMALL, Client, House, MadeSegment, failing


async def preview(client: Client, profile: str = "nightly") -> runs_pb2.RunPlan:
    request = runs_pb2.PlanRunRequest(run=runs_pb2.Run(profile=profile))
    return await client.runs.PlanRun(request, metadata=client.metadata)


def new_segments(plan: runs_pb2.RunPlan) -> dict[str, tuple[int, int]]:
    return {found.source: (found.segments, found.segments_new) for found in plan.datasets}


async def test_without_a_run_before_everything_is_new(house: House, tenant: str) -> None:
    client = house.client(tenant)
    await client.create_profile()
    plan = await preview(client)
    assert (plan.previous_run, plan.unchanged, plan.shards) == ("", False, 1)
    assert new_segments(plan) == {"osv-go": (2, 2), "vendor": (1, 1)}


async def test_a_preview_names_the_export_that_a_run_makes(house: House, tenant: str) -> None:
    client = house.client(tenant)
    await client.create_profile()
    plan = await preview(client)
    assert (await client.start()).export_id == plan.export_id


async def test_nothing_changed_after_a_run(house: House, tenant: str) -> None:
    client = house.client(tenant)
    await client.create_profile()
    run = await client.start()
    await client.watch(run.name)
    plan = await preview(client)
    assert (plan.previous_run, plan.unchanged, plan.shards) == (run.name, True, 1)
    assert new_segments(plan) == {"osv-go": (2, 0), "vendor": (1, 0)}


async def test_only_changed_segments_count_as_new(house: House, tenant: str) -> None:
    client = house.client(tenant)
    await client.create_profile()
    await client.watch((await client.start()).name)
    advisories = [MadeSegment(b"GO-1"), MadeSegment(b"GO-5", content="second"), MadeSegment(b"GO-9")]
    house.evidence.datasets[tenant] = {
        **SMALL,
        (RECORD_KIND_ADVISORY, "osv-go"): advisories,
        (RECORD_KIND_VEX, "newcomer"): [MadeSegment(b"N-1")],
    }
    plan = await preview(client)
    assert not plan.unchanged
    assert new_segments(plan) == {"osv-go": (3, 2), "vendor": (1, 0), "newcomer": (1, 1)}


async def test_a_failed_run_is_no_run_to_compare_with(house: House, tenant: str) -> None:
    house.workers.failing["sign"] = failing("ERR_EXPORT_KEY")
    client = house.client(tenant)
    await client.create_profile()
    await client.watch((await client.start()).name)
    assert (await preview(client)).previous_run == ""


async def test_a_preview_holds_nothing(house: House, tenant: str) -> None:
    client = house.client(tenant)
    await client.create_profile()
    await preview(client)
    assert [holder for holder in house.evidence.held if holder[0] == tenant] == []
