"""Starts, cancels and retries runs: one transaction for each, answered once for each request id."""

from __future__ import annotations

from dataclasses import dataclass

from libs.common import ids
from libs.common.clock import Clock
from libs.common.db.engine import Database
from libs.common.errors import ExportError, QueueFull, Unavailable, WrongState
from libs.common.log import note
from libs.common.points import reached
from services.planner.missing import no_run
from services.planner.preparing import Prepared, Preparing, Wish, profile_of
from services.planner.profiles.rules import DOWNLOAD_TARGET
from services.planner.profiles.spec import ProfileSpec
from services.planner.request import Request
from services.planner.runs import machine
from services.planner.runs.events import Admitted, CancelAsked, Event, RetryAsked
from services.planner.runs.facts import Kept
from services.planner.runs.machine import Step
from services.planner.runs.values import State, Target
from services.planner.sources.call import Call
from services.planner.store import holds, requests, runs
from services.planner.store.connection import Connection
from services.planner.transitions import Outcome, Transitions

DOWNLOAD_DRIVER = "http"


@dataclass(frozen=True, slots=True)
class Slots:
    """How many runs of one tenant are at work at the same time, and how many more may wait."""

    running: int
    queued: int


class Starting:
    """What clients may do to runs."""

    def __init__(
        self,
        database: Database,
        preparing: Preparing,
        transitions: Transitions,
        clock: Clock,
        slots: Slots,
    ) -> None:
        self._database = database
        self._preparing = preparing
        self._transitions = transitions
        self._clock = clock
        self._slots = slots

    async def start(self, call: Call, wish: Wish, request: Request) -> str:
        """Pin the evidence and start a run; return its id. A repeated request gives the first one's."""
        run = await self._start(call, wish, request)
        note(run=run)
        return run

    async def _start(self, call: Call, wish: Wish, request: Request) -> str:
        now = self._clock()
        run_id = ids.run_id(now)
        async with self._database.tenant(call.tenant) as connection:
            known = await requests.answered(connection, call.tenant, request)
            if known is not None:
                return known
            profile = await profile_of(connection, call.tenant, wish.profile)
            # Asked again when the run begins; here, so that who is refused has cost next to nothing.
            self._check_queue(call.tenant, await runs.queued(connection, call.tenant))
            await holds.add(connection, call.tenant, run_id)
        prepared = await self._preparing.prepare(call, wish, profile, run_id, now)
        reached("planner.snapshot_pinned")
        try:
            outcome = await self._begin(prepared, request)
        except ExportError as error:
            # What else may be tried again may have been committed: then the snapshot is needed.
            if not error.retryable or isinstance(error, QueueFull):
                await self._preparing.release(call, prepared.snapshot, prepared.facts.id)
            raise
        if outcome is None:
            await self._preparing.release(call, prepared.snapshot, prepared.facts.id)
            return await self._start(call, wish, request)
        reached("planner.run_committed")
        await self._transitions.settle(outcome)
        return prepared.facts.id

    async def _begin(self, prepared: Prepared, request: Request) -> Outcome | None:
        """Add the run, at work at once where a slot is free; None where the same request won a race."""
        facts = prepared.facts
        async with self._database.tenant(facts.tenant) as connection:
            if not await requests.claim(connection, facts.tenant, request, facts.id):
                return None
            if not await holds.remove(connection, facts.tenant, facts.id):
                raise Unavailable(dependency="the planner", reason="the start took too long")
            first = machine.create(_targets(facts.spec), facts.created)
            if await self._has_room(connection, facts.tenant):
                begun = machine.step(first.run, Admitted(first.run.attempt), facts.created)
                first = Step(begun.run, begun.commands, (*first.events, *begun.events))
            return await self._transitions.begin(connection, facts, prepared.snapshot, first)

    async def cancel(self, tenant: str, run_id: str, request: Request) -> None:
        """Stop a run that has not ended; one that is cancelled already stays so."""
        note(run=run_id)
        async with self._database.tenant(tenant) as connection:
            if not await self._is_new(connection, tenant, run_id, request):
                return
            kept = await self._locked(connection, tenant, run_id)
            if kept.run.state is State.CANCELLED:
                return
            outcome = await self._transitions.apply(connection, kept, CancelAsked())
            if not outcome.changed:
                raise _wrong_state(kept, "cancelled", "It has ended; there is nothing to stop.")
        reached("planner.cancel_committed")
        await self._transitions.settle(outcome)

    async def retry(self, tenant: str, run_id: str, request: Request) -> None:
        """Run again what failed or was cancelled, at once where a slot is free."""
        note(run=run_id)
        async with self._database.tenant(tenant) as connection:
            if not await self._is_new(connection, tenant, run_id, request):
                return
            room = await self._has_room(connection, tenant)
            kept = await self._locked(connection, tenant, run_id)
            could = kept.run.state in (State.FAILED, State.CANCELLED)
            if could and not await runs.holds_snapshot(connection, tenant, run_id):
                raise _too_late(kept)
            outcome = await self._transitions.apply(connection, kept, RetryAsked())
            if not outcome.changed:
                hint = "Wait for it to end, or start a new run: `stella export run start …`."
                raise _wrong_state(kept, "retried", hint)
            outcomes = [outcome]
            if room:
                event: Event = Admitted(outcome.kept.run.attempt)
                outcomes.append(await self._transitions.apply(connection, outcome.kept, event))
        reached("planner.retry_committed")
        for outcome in outcomes:
            await self._transitions.settle(outcome)

    async def _has_room(self, connection: Connection, tenant: str) -> bool:
        """Tell whether a run may begin at once: a slot is free and no other run waits for it.

        Raises `QueueFull` where it may not even wait.
        """
        running, queued = await runs.lock_slots(connection, tenant)
        self._check_queue(tenant, queued)
        return running < self._slots.running and not queued

    def _check_queue(self, tenant: str, queued: int) -> None:
        if queued >= self._slots.queued:
            raise QueueFull(tenant=tenant, limit=self._slots.queued)

    async def _is_new(self, connection: Connection, tenant: str, run_id: str, request: Request) -> bool:
        """Tell whether this very request was not done before; refuse another request's id."""
        if await requests.claim(connection, tenant, request, run_id):
            return True
        await requests.answered(connection, tenant, request)
        return False

    async def _locked(self, connection: Connection, tenant: str, run_id: str) -> Kept:
        kept = await runs.find(connection, tenant, run_id, lock=True)
        if kept is None:
            raise no_run(run_id)
        return kept


def _targets(spec: ProfileSpec) -> list[Target]:
    download = Target(DOWNLOAD_TARGET, DOWNLOAD_DRIVER)
    return [download, *(Target(target.id, target.driver) for target in spec.targets)]


def _too_late(kept: Kept) -> WrongState:
    why = "its evidence was let go of, since nobody retried it for days"
    return WrongState(
        resource="Run",
        name=kept.facts.id,
        state=f"{kept.run.state.value} and {why}",
        action="retried",
        hint=f"Start a new run over the evidence of now: `stella export run start {kept.facts.profile}`.",
    )


def _wrong_state(kept: Kept, action: str, hint: str) -> WrongState:
    return WrongState(
        resource="Run", name=kept.facts.id, state=kept.run.state.value, action=action, hint=hint
    )
