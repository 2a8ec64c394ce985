"""Takes plan work and the results of all stages from the bus and lets them happen to their runs.

What is remembered in the inbox, the run, its events and the next messages commit together or not at all. A
fault that may pass is raised, so that the bus delivers again; any other one fails the work it belongs to.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import replace

from libs.common.bus.worker import Delivery
from libs.common.db import inbox
from libs.common.db.engine import Database
from libs.common.errors import ExportError, WorkGivenUp
from libs.common.log import note, note_failure
from libs.common.points import reached
from services.planner.planning import Planning
from services.planner.runs.events import AttemptEvent, Planned, WorkFailed
from services.planner.runs.evidence import Snapshot
from services.planner.runs.facts import Kept
from services.planner.runs.plan import Shard
from services.planner.runs.values import Failure, State
from services.planner.sources.call import Call
from services.planner.store import inputs, runs, shards
from services.planner.store.connection import Connection
from services.planner.store.runs import Made
from services.planner.transitions import Transitions
from services.planner.wire.results import BadMessage, Received, receive

# With the worker's growing pauses about a minute: a restart of the upstream on a busy machine is outlasted,
# no less than by shards, which are asked for three times.
PLAN_ATTEMPTS = 12
# With the worker's growing pauses about twenty minutes: an outage of the database must not lose a result.
RESULT_ATTEMPTS = 50


class Intake:
    """What the planner does with each kind of message."""

    def __init__(self, database: Database, planning: Planning, transitions: Transitions) -> None:
        self._database = database
        self._planning = planning
        self._transitions = transitions

    async def plan(self, delivery: Delivery) -> None:
        """Cut a run into shards; a second delivery finds the run past its planning and changes nothing."""
        await self._take(State.PLANNING, delivery, self._plan)

    async def adapt(self, delivery: Delivery) -> None:
        """Count a shard in; a second delivery finds the message's id in the inbox and changes nothing."""
        await self._take(State.ADAPTING, delivery, self._happen)

    async def assemble(self, delivery: Delivery) -> None:
        """Take the unsigned bundle; a second delivery finds its id in the inbox and changes nothing."""
        await self._take(State.ASSEMBLING, delivery, self._happen)

    async def sign(self, delivery: Delivery) -> None:
        """Take the signed bundle; a second delivery finds its id in the inbox and changes nothing."""
        await self._take(State.SIGNING, delivery, self._happen)

    async def distribute(self, delivery: Delivery) -> None:
        """Count a target in; a second delivery finds the message's id in the inbox and changes nothing."""
        await self._take(State.DISTRIBUTING, delivery, self._happen)

    def give_up(self, stage: State) -> Callable[[Delivery, Exception], Awaitable[None]]:
        """Return what answers for a message of `stage` that no delivery of could be handled.

        A second delivery finds the work failed and changes nothing.
        """

        async def fail(delivery: Delivery, error: Exception) -> None:
            received = _read(stage, delivery)
            if received is not None:
                last = error if isinstance(error, ExportError) else type(error).__name__
                given_up = WorkGivenUp(stage=stage.value, attempts=delivery.attempt, reason=last)
                await self._fail(received, given_up)

        return fail

    async def _take(
        self, stage: State, delivery: Delivery, handle: Callable[[Received, str], Awaitable[None]]
    ) -> None:
        received = _read(stage, delivery)
        if received is None:
            return
        note(tenant=received.tenant, run=received.run, stage=stage.value, attempt=received.attempt)
        note(item=received.item, event=type(received.event).__name__)
        try:
            await handle(received, delivery.message_id)
        except ExportError as error:
            if error.retryable:
                raise
            note_failure(error)
            await self._fail(received, error)

    async def _plan(self, asked: Received, message_id: str) -> None:
        found = await self._asked_to_plan(asked)
        if found is None:
            return
        if isinstance(found, Made):
            amounts = replace(found.amounts, segments_reused=found.amounts.segments)
            await self._apply(asked, Planned(asked.attempt, found.shards, amounts), message_id, found)
            return
        cut = await self._planning.shards(Call(asked.tenant), found)
        await self._apply(asked, Planned(asked.attempt, len(cut)), message_id, cut)

    async def _asked_to_plan(self, asked: Received) -> Snapshot | Made | None:
        """Return what is to be cut into shards, or the run whose shards serve again."""
        async with self._database.tenant(asked.tenant) as connection:
            kept = await runs.find(connection, asked.tenant, asked.run)
            if kept is None or not _waits_for_plan(kept, asked):
                return None
            # A later attempt relies on nothing that was made before: it may be what has failed.
            made = await runs.made_before(connection, kept.facts) if asked.attempt == 1 else None
            return made or await inputs.of(connection, asked.tenant, asked.run)

    async def _happen(self, received: Received, message_id: str) -> None:
        assert received.event is not None  # every result says what happened
        await self._apply(received, received.event, message_id)

    async def _apply(
        self,
        received: Received,
        event: AttemptEvent,
        message_id: str = "",
        planned: list[Shard] | Made | None = None,
    ) -> None:
        """Let an event happen, in one transaction; a message whose id the inbox has is passed over."""
        tenant, run = received.tenant, received.run
        async with self._database.tenant(tenant) as connection:
            if message_id and not await inbox.first_time(connection, tenant, message_id):
                return
            kept = await runs.find(connection, tenant, run, lock=True)
            if kept is None:
                return
            if planned is not None and _waits_for_plan(kept, received):
                await _keep_shards(connection, kept, planned)
            outcome = await self._transitions.apply(connection, kept, event)
            reached("planner.transition_written")
        reached("planner.transition_committed")
        await self._transitions.settle(outcome)

    async def _fail(self, received: Received, error: ExportError) -> None:
        """Fail work for good: it is the planner itself that cannot go on with it."""
        failure = Failure(error.code, error.message, error.remedy)
        event = WorkFailed(received.attempt, received.stage, received.item, 0, failure, retryable=False)
        await self._apply(received, event)


async def _keep_shards(connection: Connection, kept: Kept, planned: list[Shard] | Made) -> None:
    tenant, run = kept.facts.tenant, kept.facts.id
    if isinstance(planned, Made):
        await shards.take_over(connection, tenant, run, planned.run)
    else:
        await shards.replace(connection, tenant, run, planned)


def _waits_for_plan(kept: Kept, asked: Received) -> bool:
    return kept.run.state is State.PLANNING and kept.run.attempt == asked.attempt


def _read(stage: State, delivery: Delivery) -> Received | None:
    """Return what a message says; one that cannot be read has nobody to answer to and is dropped."""
    try:
        return receive(stage, delivery.payload)
    except BadMessage as error:
        note_failure(error, "dropped")
        note(message_id=delivery.message_id)
        return None
