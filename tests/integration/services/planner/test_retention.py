"""Retention: bundles expire after their days, and what nobody may retry any more is let go of."""

from __future__ import annotations

import asyncio

import grpc
import pytest
from sqlalchemy import text
from stellaops.export.v1.runs_pb2 import Run
from stellaops.export.work.v1.work_pb2 import ForgetWork

from libs.common.bus.subjects import DISTRIBUTE, WORK_FORGET
from libs.common.bus.worker import Delivery, Worker
from services.planner.store import holds, runs
from tests.kit.housekeeping import housekeeping, housekeeping_of, looking_ledger
from tests.kit.planner import Ground, House, failing, working


async def ended_days_ago(house: House, days: int) -> None:
    """Let every run of the tenant look as if it had ended so long ago."""
    async with house.database.tenant("acme") as connection:
        await connection.execute(
            text("UPDATE export_runs SET ended_at = ended_at - make_interval(days => :days)"), {"days": days}
        )


async def succeeded(house: House, retention_days: int = 0) -> str:
    client = house.client("acme")
    await client.create_profile(retention_days=retention_days)
    name = (await client.start()).name
    await client.watch(name)
    return str(name)


class Forgotten:
    """What the distributor is told to let go of."""

    def __init__(self) -> None:
        self.runs: asyncio.Queue[str] = asyncio.Queue()

    async def take(self, delivery: Delivery) -> None:
        await self.runs.put(ForgetWork.FromString(delivery.payload).context.run)


async def forgotten(land: Ground) -> str:
    """Return the run that the distributor hears of first."""
    heard = Forgotten()
    bus = await land.nats.connect("distributor")
    worker = Worker(bus, stream=DISTRIBUTE, durable="forget", subject=WORK_FORGET, handler=heard.take)
    async with working([worker.run()]):
        run = await asyncio.wait_for(heard.runs.get(), 20)
    await bus.close()
    return run


async def test_a_bundle_expires_after_the_days_of_its_profile_and_the_distributor_hears_of_it(
    land: Ground,
) -> None:
    async with land.planner() as house, housekeeping(house) as turns:
        name = await succeeded(house, retention_days=3)
        await ended_days_ago(house, 2)
        await turns.turn()
        assert (await house.client("acme").get(name)).state == Run.STATE_SUCCEEDED
        await ended_days_ago(house, 2)
        await turns.turn()
        assert (await house.client("acme").get(name)).state == Run.STATE_EXPIRED
        events = await house.client("acme").watch(name)
        assert [(event.type, event.terminal) for event in events[-2:]] == [
            ("succeeded", True),
            ("expired", False),
        ]
        assert await forgotten(land) == name.rpartition("/")[2]


async def test_a_profile_that_does_not_say_follows_the_installation(land: Ground) -> None:
    async with land.planner(keep_bundles_days=10) as house, housekeeping(house) as turns:
        name = await succeeded(house)
        await ended_days_ago(house, 11)
        await turns.turn()
        assert (await house.client("acme").get(name)).state == Run.STATE_EXPIRED


async def test_bundles_are_kept_for_ever_where_nobody_says_otherwise(land: Ground) -> None:
    async with land.planner() as house, housekeeping(house) as turns:
        name = await succeeded(house)
        await ended_days_ago(house, 10_000)
        await turns.turn()
        assert (await house.client("acme").get(name)).state == Run.STATE_SUCCEEDED


async def test_a_failed_run_is_let_go_of_after_its_days_and_a_retry_says_why_it_comes_too_late(
    land: Ground,
) -> None:
    async with land.planner(retry_days=7) as house, housekeeping(house) as turns:
        land.workers.failing["sign"] = failing("ERR_EXPORT_KEY")
        name = await succeeded(house)
        await ended_days_ago(house, 6)
        await turns.turn()
        assert len(land.evidence.held) == 1
        await ended_days_ago(house, 2)
        await turns.turn()
        await turns.turn()
        assert not land.evidence.held
        assert (await house.client("acme").get(name)).state == Run.STATE_FAILED
        with pytest.raises(grpc.aio.AioRpcError) as refused:
            await house.client("acme").retry(name)
        assert refused.value.code() is grpc.StatusCode.FAILED_PRECONDITION
        assert "its evidence was let go of" in str(refused.value.details())
        assert await forgotten(land) == name.rpartition("/")[2]


async def test_a_run_that_is_retried_in_time_keeps_its_evidence(land: Ground) -> None:
    async with land.planner(retry_days=7) as house, housekeeping(house) as turns:
        land.workers.failing["sign"] = failing("ERR_EXPORT_KEY")
        name = await succeeded(house)
        await ended_days_ago(house, 6)
        land.workers.idle.add("sign")
        await house.client("acme").retry(name)
        await ended_days_ago(house, 6)
        await turns.turn()
        assert len(land.evidence.held) == 1


async def test_evidence_that_cannot_be_let_go_of_now_is_let_go_of_later(land: Ground) -> None:
    async with land.planner(retry_days=7) as house, housekeeping(house) as turns:
        land.workers.failing["sign"] = failing("ERR_EXPORT_KEY")
        await succeeded(house)
        await ended_days_ago(house, 8)
        land.evidence.down = True
        with pytest.raises(Exception, match="made-up upstream"):
            await turns.turn()
        assert len(land.evidence.held) == 1
        land.evidence.recover()
        await turns.turn()
        assert not land.evidence.held


async def test_evidence_of_a_failed_run_goes_only_once_nobody_can_retry_it(land: Ground) -> None:
    async with land.planner(retry_days=7) as house, looking_ledger(house) as ledger:
        land.workers.failing["sign"] = failing("ERR_EXPORT_KEY")
        run = (await succeeded(house)).rpartition("/")[2]
        await ended_days_ago(house, 8)
        retriable: list[bool] = []

        async def look() -> None:
            async with house.database.tenant("acme") as connection:
                retriable.append(await runs.holds_snapshot(connection, "acme", run))

        ledger.look = look
        await housekeeping_of(house, ledger).turn()
        assert retriable == [False]
        assert not land.evidence.held


async def test_evidence_of_a_run_that_was_given_up_goes_later_where_the_planner_died_before(
    land: Ground,
) -> None:
    async with land.planner(retry_days=7) as house, housekeeping(house) as turns:
        land.workers.failing["sign"] = failing("ERR_EXPORT_KEY")
        run = (await succeeded(house)).rpartition("/")[2]
        async with house.database.tenant("acme") as connection:  # after this commit it dies
            await runs.let_go_of_snapshot(connection, "acme", run)
            await holds.add_over(connection, "acme", run)
        await turns.turn()
        assert not land.evidence.held
        async with house.database.system() as connection:
            assert await holds.abandoned(connection) == []
