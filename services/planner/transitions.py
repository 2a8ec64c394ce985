"""Takes a run from one state to the next: state, events and messages in one transaction, then the wake-ups.

A run changes nowhere else. Whoever commits a transition calls `settle` with what came of it.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import datetime

from opentelemetry.trace import Span

from libs.common import trace
from libs.common.bus import subjects
from libs.common.bus.client import Bus
from libs.common.clock import Clock
from libs.common.db import outbox
from libs.common.errors import ExportError, Internal
from libs.common.metrics import RunMetrics
from services.planner.runs.events import Command, Event, Happened, KeepOutput, LetGo, SendWork, StopWork
from services.planner.runs.evidence import Snapshot
from services.planner.runs.facts import Facts, Kept
from services.planner.runs.machine import Run, Step, step
from services.planner.runs.values import ENDED, LIVE, State
from services.planner.store import events, inputs, runs, shards
from services.planner.store.connection import Connection
from services.planner.wire import work
from services.planner.wire.runs import event_message
from services.planner.wire.work import Outgoing

# States that wait for a slot or for shards to be released, or that have just given a slot back.
_SHARING = ENDED | {State.QUEUED, State.ADAPTING}

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Outcome:
    """What an event made of a run; `before`, into whose state it came at `since`, is None for a new run."""

    before: Run | None
    kept: Kept
    commands: tuple[Command, ...] = ()
    since: datetime | None = None

    @property
    def changed(self) -> bool:
        """Tell whether the event changed anything."""
        return self.before != self.kept.run


class Transitions:
    """The planner's one way to change a run."""

    def __init__(
        self,
        bus: Bus,
        clock: Clock,
        metrics: RunMetrics,
        *,
        wake_relay: Callable[[], None],
        wake_dispatcher: Callable[[], None],
    ) -> None:
        self._bus = bus
        self._clock = clock
        self._metrics = metrics
        self._wake_relay = wake_relay
        self._wake_dispatcher = wake_dispatcher

    async def begin(self, connection: Connection, facts: Facts, snapshot: Snapshot, first: Step) -> Outcome:
        """Add a new run where `first` has taken it, within the caller's transaction."""
        kept = await runs.add(connection, facts, first.run)
        await inputs.add(connection, facts.tenant, facts.id, snapshot)
        with _in_trace_of(kept):
            await _write(connection, kept, first.commands, first.events)
        return Outcome(None, kept, first.commands)

    async def apply(self, connection: Connection, kept: Kept, event: Event) -> Outcome:
        """Let `event` happen to a locked run, within the caller's transaction."""
        now = self._clock()
        found = step(kept.run, event, now)
        if found.run == kept.run:
            return Outcome(kept.run, kept)
        saved = await runs.save(connection, kept, found.run, now)
        if saved is None:
            raise Internal(part="planner", reason=f"run `{kept.facts.id}` changed although it was locked")
        with _in_trace_of(saved):
            await _write(connection, saved, found.commands, found.events)
        return Outcome(kept.run, saved, found.commands, kept.since)

    async def give_up(self, connection: Connection, kept: Kept) -> None:
        """Let go of what others keep of a locked run that nobody may retry any more; its state stays."""
        with _in_trace_of(kept):
            await _write(connection, kept, [LetGo()], ())

    async def settle(self, outcome: Outcome) -> None:
        """Do what follows a commit: wake what waits for it, tell workers to stop, count how runs end."""
        if not outcome.changed:
            return
        self._wake_relay()
        if _concerns_dispatch(outcome):
            self._wake_dispatcher()
        for command in outcome.commands:
            if isinstance(command, StopWork):
                await self._stop(outcome.kept.facts, command)
        if outcome.before is not None and outcome.before.state in LIVE:
            self._count(outcome.kept)
            self._count_stage(outcome.before, outcome.since, outcome.kept)

    async def _stop(self, facts: Facts, command: StopWork) -> None:
        payload = work.context(facts, command.attempt).SerializeToString(deterministic=True)
        try:
            await self._bus.tell(subjects.cancel(facts.id), payload)
        except ExportError as error:
            # The state has changed already: what a worker still does for the run will be ignored.
            fields = {"tenant": facts.tenant, "run": facts.id, "error": str(error)}
            _log.warning("workers could not be told to stop", extra={"fields": fields})

    def _count_stage(self, before: Run, since: datetime | None, after: Kept) -> None:
        if since is not None and before.state is not after.run.state:
            self._metrics.left(before.state.value, (after.since - since).total_seconds())

    def _count(self, kept: Kept) -> None:
        run, spec = kept.run, kept.facts.spec
        if run.state is State.SUCCEEDED and run.started is not None and run.ended is not None:
            seconds = (run.ended - run.started).total_seconds()
            self._metrics.succeeded(spec.kind, spec.variant, seconds, run.bundle_bytes)
        elif run.state is State.FAILED and run.error is not None:
            self._metrics.failed(run.error.failure.code)


def _concerns_dispatch(outcome: Outcome) -> bool:
    """Tell whether a run now waits for something that is shared, or leaves it to others."""
    before, after = outcome.before, outcome.kept.run
    at_shards = before is not None and before.state is State.ADAPTING
    return at_shards or after.state in _SHARING


def _in_trace_of(kept: Kept) -> AbstractContextManager[Span]:
    """Return a span of the run's own trace, whoever's call or turn it is that changes the run."""
    facts, run = kept.facts, kept.run
    is_foreign = not trace.is_of_current_trace(facts.trace)
    return trace.span(
        f"run {run.state.value}",
        parent=facts.trace if is_foreign else None,
        linked=is_foreign,
        attributes={"stella.tenant": facts.tenant, "stella.run": facts.id, "stella.attempt": run.attempt},
    )


async def _write(
    connection: Connection, kept: Kept, commands: Iterable[Command], happened: Sequence[Happened]
) -> None:
    """Write what a step asks for and tells; work goes before events, since somebody waits for it."""
    facts = kept.facts
    for command in commands:
        if isinstance(command, KeepOutput):
            await shards.keep_output(connection, facts.tenant, facts.id, command.shard, command.output)
    sends = [command for command in commands if isinstance(command, SendWork)]
    messages = await _messages(connection, kept, sends)
    if LetGo() in commands:
        messages.append(work.forget_work(facts, kept.run.attempt))
    messages += [_event(facts, event) for event in happened]
    await events.add(connection, facts.tenant, facts.id, happened)
    letters = [outbox.Letter(message.subject, message.id, message.payload) for message in messages]
    await outbox.put(connection, facts.tenant, letters, trace.headers())


async def _messages(connection: Connection, kept: Kept, sends: Sequence[SendWork]) -> list[Outgoing]:
    tenant, run = kept.facts.tenant, kept.facts.id
    numbers = [int(send.item) for send in sends if send.stage is State.ADAPTING]
    ranges = await shards.ranges(connection, tenant, run, numbers) if numbers else {}
    messages: list[Outgoing] = []
    for send in sends:
        match send.stage:
            case State.PLANNING:
                messages.append(work.plan_work(kept, send.number))
            case State.ADAPTING:
                shard = int(send.item)
                messages.append(work.adapt_work(kept, shard, ranges[shard], send.number))
            case State.ASSEMBLING:
                outputs = await shards.outputs(connection, tenant, run)
                snapshot = await inputs.of(connection, tenant, run)
                messages.append(work.assemble_work(kept, outputs, snapshot, send.number))
            case State.SIGNING:
                snapshot = await inputs.of(connection, tenant, run)
                messages.append(work.sign_work(kept, snapshot, send.number))
            case _:
                messages.append(work.distribute_work(kept, send.item, send.number))
    return messages


def _event(facts: Facts, happened: Happened) -> Outgoing:
    return Outgoing(
        subjects.event(facts.tenant, facts.id, happened.type.value),
        f"event-{facts.id}-{happened.sequence}",
        event_message(happened).SerializeToString(deterministic=True),
    )
