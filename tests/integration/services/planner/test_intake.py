"""What is done with messages that come twice, too late, broken, or that cannot be handled."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest
from prometheus_client import CollectorRegistry
from sqlalchemy import text
from stellaops.export.v1 import runs_pb2
from stellaops.export.work.v1 import work_pb2

from libs.common.bus.worker import Delivery
from libs.common.clock import now
from libs.common.errors import Unavailable
from libs.common.metrics import RunMetrics
from libs.common.rpc.client import ServiceIdentity, open_channel
from services.planner.intake import Intake
from services.planner.planning import Planning
from services.planner.runs.values import State
from services.planner.sources.ledger import Ledger
from services.planner.transitions import Transitions
from tests.kit.planner import Client, Ground, House


@pytest.fixture
async def house(land: Ground) -> AsyncIterator[House]:
    """A planner whose messages the test hands in itself."""
    async with land.planner(awake=False) as found:
        yield found


@pytest.fixture
async def intake(house: House) -> AsyncIterator[Intake]:
    channel = open_channel(house.settings.evidence_address, house.settings)
    ledger = Ledger(channel, ServiceIdentity(house.settings.service_token_file))
    transitions = Transitions(
        house.bus,
        now,
        RunMetrics(CollectorRegistry()),
        wake_relay=lambda: None,
        wake_dispatcher=lambda: None,
    )
    yield Intake(house.database, Planning(ledger, house.settings.shard_bytes), transitions)
    await channel.close(None)


@pytest.fixture
async def client(house: House) -> Client:
    found = house.client("acme")
    await found.create_profile()
    return found


def delivery(message: Any, message_id: str, attempt: int = 1) -> Delivery:
    return Delivery("a subject", message.SerializeToString(), message_id, {}, attempt)


def context_of(run: runs_pb2.Run) -> work_pb2.WorkContext:
    return work_pb2.WorkContext(tenant="acme", run=run.name.rpartition("/")[2], attempt=1, number=1)


async def messages(house: House) -> list[str]:
    """Return the ids of the work messages that wait to be sent."""
    async with house.database.system() as connection:
        found = await connection.execute(
            text("SELECT message_id FROM outbox WHERE subject LIKE 'export.work.%' ORDER BY id")
        )
        return list(found.scalars())


async def test_a_second_plan_message_changes_nothing(intake: Intake, client: Client) -> None:
    run = await client.start()
    work = work_pb2.PlanWork(context=context_of(run))
    await intake.plan(delivery(work, "plan-1"))
    planned = await client.get(run.name)
    await intake.plan(delivery(work, "plan-1"))
    await intake.plan(delivery(work, "plan-2"))
    assert planned.stage == runs_pb2.Run.STAGE_ADAPTING
    assert await client.get(run.name) == planned


async def test_a_failure_that_comes_twice_counts_once(house: House, intake: Intake, client: Client) -> None:
    run = await client.start()
    context = context_of(run)
    await intake.plan(delivery(work_pb2.PlanWork(context=context), "plan-1"))
    await grant(house, run)
    # A worker that does not say which time of asking it answers: only the message's id tells.
    context.number = 0
    error = work_pb2.WorkError(code="ERR_EXPORT_UNAVAILABLE", message="No.", retryable=True)
    result = work_pb2.AdaptResult(context=context, shard=0, error=error)
    for _ in range(5):
        await intake.adapt(delivery(result, "result-1"))
    assert (await messages(house))[-1].endswith("-1-0-n2")
    assert (await client.get(run.name)).state == runs_pb2.Run.STATE_RUNNING


async def grant(house: House, run: runs_pb2.Run) -> None:
    """Let all shards of a run go, as the dispatcher would."""
    async with house.database.tenant("acme") as connection:
        await connection.execute(
            text("UPDATE export_runs SET shards_released = shards_total WHERE run = :run"),
            {"run": run.name.rpartition("/")[2]},
        )


async def test_a_message_that_nobody_can_read_is_dropped(intake: Intake) -> None:
    await intake.adapt(Delivery("a subject", b"\xff\xff\xff", "broken", {}, 1))


async def test_a_result_of_an_unknown_run_is_dropped(intake: Intake) -> None:
    context = work_pb2.WorkContext(tenant="acme", run="no-such-run", attempt=1)
    await intake.sign(delivery(work_pb2.SignResult(context=context), "result-1"))


async def test_a_result_under_another_tenant_s_name_changes_nothing(intake: Intake, client: Client) -> None:
    run = await client.start()
    context = context_of(run)
    await intake.plan(delivery(work_pb2.PlanWork(context=context), "plan-1"))
    planned = await client.get(run.name)
    context.tenant = "beta"
    error = work_pb2.WorkError(code="ERR_EXPORT_KEY")
    await intake.adapt(delivery(work_pb2.AdaptResult(context=context, error=error), "result-1"))
    assert await client.get(run.name) == planned


async def test_a_fault_that_may_pass_is_raised_so_that_the_bus_delivers_again(
    house: House, intake: Intake, client: Client
) -> None:
    run = await client.start()
    house.evidence.down = True
    with pytest.raises(Unavailable):
        await intake.plan(delivery(work_pb2.PlanWork(context=context_of(run)), "plan-1"))
    house.evidence.down = False
    await intake.plan(delivery(work_pb2.PlanWork(context=context_of(run)), "plan-1", attempt=2))
    assert (await client.get(run.name)).stage == runs_pb2.Run.STAGE_ADAPTING


async def test_planning_that_fails_at_every_delivery_fails_the_run(intake: Intake, client: Client) -> None:
    run = await client.start()
    failed = delivery(work_pb2.PlanWork(context=context_of(run)), "plan-1", attempt=5)
    await intake.give_up(State.PLANNING)(failed, Unavailable(dependency="evidence", reason="gone"))
    shown = await client.get(run.name)
    assert (shown.state, shown.error.code) == (runs_pb2.Run.STATE_FAILED, "ERR_EXPORT_WORK_GIVEN_UP")
    assert shown.error.stage == runs_pb2.Run.STAGE_PLANNING


async def test_what_an_event_changes_commits_whole(house: House, intake: Intake, client: Client) -> None:
    run = await client.start()
    async with house.database.system() as connection:
        await connection.execute(text("DELETE FROM outbox"))
    await intake.plan(delivery(work_pb2.PlanWork(context=context_of(run)), "plan-1"))
    async with house.database.tenant("acme") as connection:
        inbox = await connection.execute(text("SELECT message_id FROM inbox"))
        assert list(inbox.scalars()) == ["plan-1"]
        events = await connection.execute(text("SELECT type FROM export_events ORDER BY sequence"))
        assert list(events.scalars()) == ["created", "started", "planned"]
    async with house.database.system() as connection:
        subjects = (await connection.execute(text("SELECT subject FROM outbox"))).scalars().all()
    assert [subject.rpartition(".")[2] for subject in subjects] == ["planned"]
