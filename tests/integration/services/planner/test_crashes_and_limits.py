"""Planners that die at bad moments, queues, shares of the work: each with planners of its own."""

from __future__ import annotations

import asyncio
from functools import partial
from typing import Any

import grpc
import pytest
from sqlalchemy import text
from stellaops.export.v1 import runs_pb2
from stellaops.export.v1.selectors_pb2 import RECORD_KIND_VEX

from libs.common.rpc.client import ServiceIdentity, open_channel
from libs.common.segments.cut import is_part_start
from services.planner.sources.call import Call
from services.planner.sources.ledger import Ledger
from services.planner.store import holds
from tests.kit.housekeeping import housekeeping_of, looking_ledger
from tests.kit.planner import Datasets, Ground, House, MadeSegment, failing, until

MANY: Datasets = {
    (RECORD_KIND_VEX, "vendor"): [
        MadeSegment(key, 16 << 20)
        for key in sorted(f"SEG-{number}".encode() for number in range(6000))
        if is_part_start("vex", key)
    ]
}
# A shard for each segment, of which few are out.
FEW_AT_ONCE: dict[str, Any] = {"shard_bytes": 16 << 20, "shards_in_flight": 3, "tenant_shards_in_flight": 2}


async def test_what_a_dead_planner_had_committed_is_sent_by_the_next_one(land: Ground) -> None:
    async with land.planner(awake=False) as house:
        client = house.client("acme")
        await client.create_profile()
        name = (await client.start()).name
    assert land.workers.done == []
    async with land.planner() as house:
        assert (await house.client("acme").watch(name))[-1].type == "succeeded"


async def test_a_run_goes_on_when_planners_die_one_after_another(land: Ground) -> None:
    async with land.planner() as house:
        client = house.client("acme")
        await client.create_profile()
        name = (await client.start()).name
    types: list[str] = []
    for _ in range(20):
        async with land.planner() as house:
            await asyncio.sleep(0)
            run = await house.client("acme").get(name)
            if run.state == runs_pb2.Run.STATE_SUCCEEDED:
                types = [event.type for event in await house.client("acme").watch(name)]
                break
            after = run.etag
            await until(partial(changed, house, name, after))
    assert (types.count("succeeded"), types.count("shard_done"), types[-1]) == (1, 1, "succeeded")


async def changed(house: House, name: str, etag: str) -> bool:
    return (await house.client("acme").get(name)).etag != etag


async def test_two_planners_share_the_work(land: Ground) -> None:
    async with land.planner() as one, land.planner() as other:
        await one.client("acme").create_profile()
        started = await asyncio.gather(
            *(house.client("acme").start() for house in (one, other) for _ in range(4))
        )
        for run in started:
            events = await other.client("acme").watch(run.name)
            assert [event.type for event in events].count("succeeded") == 1


async def test_runs_beyond_the_tenant_s_limit_wait_in_order(land: Ground) -> None:
    async with land.planner(tenant_concurrent_runs=1) as house:
        land.workers.idle.add("sign")
        client = house.client("acme")
        await client.create_profile()
        first, second, third = [(await client.start()).name for _ in range(3)]
        await until(lambda: signing(house, first))
        assert [(await client.get(name)).state for name in (second, third)] == [
            runs_pb2.Run.STATE_QUEUED,
            runs_pb2.Run.STATE_QUEUED,
        ]
        await client.cancel(first)
        await until(lambda: signing(house, second))
        assert (await client.get(third)).state == runs_pb2.Run.STATE_QUEUED


async def signing(house: House, name: str) -> bool:
    return (await house.client("acme").get(name)).stage == runs_pb2.Run.STAGE_SIGNING


async def test_one_tenant_s_queue_does_not_hold_up_another(land: Ground) -> None:
    async with land.planner(tenant_concurrent_runs=1) as house:
        acme, beta = house.client("acme"), house.client("beta")
        await acme.create_profile()
        await beta.create_profile()
        land.workers.idle.add("sign")
        for _ in range(3):
            await acme.start()
        await until(lambda: asyncio.sleep(0, "sign" in land.workers.work))
        land.workers.obey()
        assert (await beta.watch((await beta.start()).name))[-1].type == "succeeded"


async def test_a_run_beyond_the_queue_s_limit_is_refused_and_holds_nothing(land: Ground) -> None:
    async with land.planner(tenant_concurrent_runs=1, queued_runs=2) as house:
        land.workers.idle.add("sign")
        client, other = house.client("acme"), house.client("beta")
        await client.create_profile()
        await other.create_profile()
        first, second, _ = [(await client.start()).name for _ in range(3)]
        held = len(land.evidence.held)
        with pytest.raises(grpc.aio.AioRpcError, match="2 runs of tenant `acme` wait already") as refused:
            await client.start()
        assert refused.value.code() is grpc.StatusCode.RESOURCE_EXHAUSTED
        assert len(land.evidence.held) == held
        await other.start()
        await client.cancel(second)
        await client.start()
        await client.cancel(first)


async def test_a_retry_beyond_the_queue_s_limit_is_refused(land: Ground) -> None:
    async with land.planner(tenant_concurrent_runs=1, queued_runs=1) as house:
        land.workers.idle.add("sign")
        client = house.client("acme")
        await client.create_profile()
        first, second = [(await client.start()).name for _ in range(2)]
        await client.cancel(second)
        await client.start()
        with pytest.raises(grpc.aio.AioRpcError, match="1 runs of tenant `acme` wait already"):
            await client.retry(second)
        await client.cancel(first)


async def test_a_retried_run_waits_for_a_slot_too(land: Ground) -> None:
    async with land.planner(tenant_concurrent_runs=1) as house:
        client = house.client("acme")
        await client.create_profile()
        land.workers.failing["sign"] = failing("ERR_EXPORT_KEY")
        name = (await client.start()).name
        await client.watch(name)
        land.workers.idle.add("sign")
        other = (await client.start()).name
        assert (await client.retry(name)).state == runs_pb2.Run.STATE_QUEUED
        land.workers.obey()
        await client.cancel(other)
        assert (await client.watch(name))[-1].type == "succeeded"


async def test_no_more_shards_are_out_than_the_limit(land: Ground) -> None:
    land.evidence.datasets["acme"] = MANY
    land.workers.idle.add("adapt")
    async with land.planner(**FEW_AT_ONCE) as house:
        client = house.client("acme")
        await client.create_profile()
        name = (await client.start()).name
        await until(lambda: released(house, 2))
        async with house.database.system() as connection:
            row = (
                await connection.execute(text("SELECT shards_total, shards_released FROM export_runs"))
            ).one()
        assert row.shards_total > 4
        assert row.shards_released == 2
        assert (await client.get(name)).progress.shards_done == 0


async def test_a_tenant_with_many_shards_does_not_starve_one_with_few(land: Ground) -> None:
    land.evidence.datasets["acme"] = MANY
    land.workers.idle.add("adapt")
    async with land.planner(**FEW_AT_ONCE) as house:
        acme, beta = house.client("acme"), house.client("beta")
        await acme.create_profile()
        await beta.create_profile()
        await acme.start()
        await until(lambda: released(house, 2))
        await beta.start()
        await until(lambda: released(house, 3))


async def released(house: House, shards: int) -> bool:
    async with house.database.system() as connection:
        found = await connection.execute(text("SELECT coalesce(sum(shards_released), 0) FROM export_runs"))
        return bool(found.scalar_one() == shards)


async def test_evidence_is_held_until_the_run_succeeds_and_then_let_go(land: Ground) -> None:
    async with land.planner() as house:
        client = house.client("acme")
        await client.create_profile()
        land.workers.failing["sign"] = failing("ERR_EXPORT_KEY")
        name = (await client.start()).name
        await client.watch(name)
        channel = open_channel(house.settings.evidence_address, house.settings)
        identity = ServiceIdentity(house.settings.service_token_file)
        housekeeping = housekeeping_of(house, Ledger(channel, identity))
        await housekeeping.turn()
        assert list(land.evidence.held) == [("acme", name.rpartition("/")[2])]
        await client.retry(name)
        await client.watch(name)
        await housekeeping.turn()
        assert list(land.evidence.held) == []
        await channel.close(None)


async def test_old_memories_are_forgotten(land: Ground) -> None:
    async with land.planner(awake=False) as house:
        await house.client("acme").create_profile(request_id="one")
        channel = open_channel(house.settings.evidence_address, house.settings)
        housekeeping = housekeeping_of(
            house, Ledger(channel, ServiceIdentity(house.settings.service_token_file))
        )
        await housekeeping.turn()
        assert await remembered(house) == 1
        async with house.database.tenant("acme") as connection:
            await connection.execute(
                text(
                    "INSERT INTO request_ids (tenant, request_id, request_digest, resource, created_at) "
                    "VALUES ('acme', 'old', 'd', 'r', now() - interval '15 days')"
                )
            )
        await housekeeping.turn()
        assert await remembered(house) == 1
        await channel.close(None)


async def remembered(house: House) -> int:
    async with house.database.system() as connection:
        found = await connection.execute(text("SELECT count(*) FROM request_ids"))
        return int(found.scalar_one())


async def test_evidence_pinned_for_a_run_that_never_began_is_let_go_of(land: Ground) -> None:
    async with land.planner(awake=False) as house:
        channel = open_channel(house.settings.evidence_address, house.settings)
        ledger = Ledger(channel, ServiceIdentity(house.settings.service_token_file))
        async with house.database.tenant("acme") as connection:
            await holds.add(connection, "acme", "run-a")
        await ledger.open(Call("acme"), [], [], "run-a")  # here its planner dies
        housekeeping = housekeeping_of(house, ledger)
        await housekeeping.turn()
        assert list(land.evidence.held) == [("acme", "run-a")]
        async with house.database.tenant("acme") as connection:
            await connection.execute(
                text("UPDATE snapshot_holds SET opened_at = now() - interval '11 minutes'")
            )
        await housekeeping.turn()
        assert list(land.evidence.held) == []
        await channel.close(None)


async def test_evidence_of_an_abandoned_start_goes_only_once_that_start_is_refused(land: Ground) -> None:
    async with land.planner(awake=False) as house, looking_ledger(house) as ledger:
        async with house.database.tenant("acme") as connection:
            await holds.add(connection, "acme", "run-a")
            await connection.execute(
                text("UPDATE snapshot_holds SET opened_at = now() - interval '11 minutes'")
            )
        await ledger.open(Call("acme"), [], [], "run-a")
        could_begin: list[bool] = []

        async def look() -> None:
            async with asyncio.timeout(5), house.database.tenant("acme") as connection:
                could_begin.append(await holds.remove(connection, "acme", "run-a"))

        ledger.look = look
        await housekeeping_of(house, ledger).turn()
        assert could_begin == [False]
        assert list(land.evidence.held) == []


async def test_a_run_that_began_is_held_by_itself(land: Ground) -> None:
    async with land.planner(awake=False) as house:
        client = house.client("acme")
        await client.create_profile()
        await client.start()
        async with house.database.tenant("acme") as connection:
            found = await connection.execute(text("SELECT count(*) FROM snapshot_holds"))
            assert found.scalar_one() == 0
