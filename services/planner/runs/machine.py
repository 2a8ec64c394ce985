"""Decides what a run does next: from a run and an event to the run after it, what to ask for, what to tell.

Invariants: an event that is late, repeated or of another attempt changes nothing; recorded events are
numbered without a gap; every attempt ends with exactly one terminal event, which `expired` alone may follow;
a failed target never takes a signed bundle away.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime

from libs.common.errors import BlobCorrupt, BlobMissing
from services.planner.runs.events import (
    Admitted,
    Assembled,
    AttemptEvent,
    CancelAsked,
    Command,
    Event,
    Expired,
    Granted,
    Happened,
    KeepOutput,
    LetGo,
    Planned,
    RetryAsked,
    SendWork,
    ShardDone,
    Signed,
    StopWork,
    TargetDone,
    Type,
    WorkFailed,
)
from services.planner.runs.values import (
    LIVE,
    Amounts,
    BlobRef,
    Failure,
    Progress,
    RunError,
    State,
    Target,
    TargetState,
)

# Each time they are asked, workers try for some ten seconds what may go better next time; after this many
# times a person should look.
MAX_NUMBER = 3
_DAMAGES = frozenset({BlobMissing.code, BlobCorrupt.code})

_NOTHING = Amounts()


@dataclass(frozen=True, slots=True)
class Run:
    """The part of a run that changes.

    `stage` is the stage it is in, or the one it ended in. Bit n of `shards_done` is set once shard n is done.
    `numbers` holds, for work that failed and was asked for again, how often it was asked for.
    """

    targets: tuple[Target, ...]
    attempt: int = 1
    state: State = State.QUEUED
    stage: State | None = None
    sequence: int = 0
    shards_total: int = 0
    shards_released: int = 0
    shards_done: int = 0
    amounts: Amounts = _NOTHING
    numbers: Mapping[str, int] = field(default_factory=dict)
    manifest: BlobRef | None = None
    layout: BlobRef | None = None
    signed: BlobRef | None = None
    bundle_bytes: int = 0
    error: RunError | None = None
    started: datetime | None = None
    ended: datetime | None = None

    @property
    def progress(self) -> Progress:
        """How far the run is."""
        return Progress(
            self.shards_total,
            self.shards_done.bit_count(),
            self.amounts,
            len(self.targets),
            len(self.targets_in(TargetState.DONE)),
        )

    def targets_in(self, state: TargetState) -> tuple[Target, ...]:
        """Return the targets that are in `state`."""
        return tuple(target for target in self.targets if target.state is state)


@dataclass(frozen=True, slots=True)
class Step:
    """The run after an event, what must be done next, in order, and what is recorded."""

    run: Run
    commands: tuple[Command, ...] = ()
    events: tuple[Happened, ...] = ()

    def change(self, *commands: Command, **fields: object) -> Step:
        """Return the step with some fields of the run changed and more commands."""
        run = dataclasses.replace(self.run, **fields)  # type: ignore[arg-type] # names checked by `replace`
        return replace(self, run=run, commands=(*self.commands, *commands))

    def tell(self, now: datetime, kind: Type, message: str, error: RunError | None = None) -> Step:
        """Return the step with one more recorded event."""
        run = replace(self.run, sequence=self.run.sequence + 1)
        happened = Happened(
            run.sequence, run.attempt, kind, now, run.state, run.stage, message, run.progress, error
        )
        return replace(self, run=run, events=(*self.events, happened))


def create(targets: Iterable[Target], now: datetime) -> Step:
    """Return a new run that waits for a slot."""
    return Step(Run(targets=tuple(targets))).tell(
        now, Type.CREATED, "The run is created and its evidence is pinned."
    )


def step(run: Run, event: Event, now: datetime) -> Step:
    """Return the run after `event` and what must be done next; a late or repeated event changes nothing."""
    match event:
        case CancelAsked():
            return _cancel(run, now)
        case RetryAsked():
            return _retry(run, now)
        case Expired():
            return _expire(run, now)
    return _advance(run, event, now) if event.attempt == run.attempt else Step(run)


def _advance(run: Run, event: AttemptEvent, now: datetime) -> Step:  # noqa: PLR0911 - one line an event
    match event:
        case Admitted():
            return _admit(run, now)
        case Planned():
            return _plan(run, event, now)
        case Granted():
            return _grant(run, event)
        case ShardDone():
            return _finish_shard(run, event, now)
        case Assembled():
            return _assemble(run, event, now)
        case Signed():
            return _sign(run, event, now)
        case TargetDone():
            return _finish_target(run, event, now)
        case WorkFailed():
            return _fail_work(run, event, now)


def _admit(run: Run, now: datetime) -> Step:
    if run.state is not State.QUEUED:
        return Step(run)
    if run.signed is None:
        begun = Step(run).change(
            SendWork(State.PLANNING), state=State.PLANNING, stage=State.PLANNING, started=now
        )
        return begun.tell(now, Type.STARTED, "Work has begun: the evidence is being cut into shards.")
    begun = _distribute(Step(run).change(started=now))
    count = _count(len(run.targets_in(TargetState.WAITING)), "target")
    return _end_if_served(begun.tell(now, Type.STARTED, f"The signed bundle goes to {count} again."), now)


def _plan(run: Run, event: Planned, now: datetime) -> Step:
    if run.state is not State.PLANNING:
        return Step(run)
    planned = Step(run).change(shards_total=event.shards, state=State.ADAPTING, stage=State.ADAPTING)
    message = f"The work is cut into {_count(event.shards, 'shard')}."
    if event.taken_over is not None:
        planned = planned.change(
            shards_released=event.shards, shards_done=(1 << event.shards) - 1, amounts=event.taken_over
        )
        message = f"Nothing has changed: {_count(event.shards, 'shard')} of an earlier run serve again."
    return _assemble_if_adapted(planned).tell(now, Type.PLANNED, message)


def _grant(run: Run, event: Granted) -> Step:
    upto = min(event.upto, run.shards_total)
    if run.state is not State.ADAPTING or upto <= run.shards_released:
        return Step(run)
    sent = [SendWork(State.ADAPTING, str(shard)) for shard in range(run.shards_released, upto)]
    return Step(run).change(*sent, shards_released=upto)


def _finish_shard(run: Run, event: ShardDone, now: datetime) -> Step:
    if not _is_open(run, State.ADAPTING, str(event.shard)):
        return Step(run)
    done = Step(run).change(
        KeepOutput(event.shard, event.output),
        shards_done=run.shards_done | 1 << event.shard,
        amounts=run.amounts + event.amounts,
    )
    progress = done.run.progress
    message = f"{progress.shards_done:,} of {_count(progress.shards_total, 'shard')} done."
    return _assemble_if_adapted(done).tell(now, Type.SHARD_DONE, message)


def _assemble_if_adapted(step: Step) -> Step:
    if step.run.shards_done.bit_count() < step.run.shards_total:
        return step
    return step.change(SendWork(State.ASSEMBLING), state=State.ASSEMBLING, stage=State.ASSEMBLING)


def _assemble(run: Run, event: Assembled, now: datetime) -> Step:
    if run.state is not State.ASSEMBLING:
        return Step(run)
    assembled = Step(run).change(
        SendWork(State.SIGNING),
        manifest=event.manifest,
        layout=event.layout,
        bundle_bytes=event.bundle_bytes,
        state=State.SIGNING,
        stage=State.SIGNING,
    )
    message = f"The bundle is assembled: {_count(event.files, 'file')}, {event.bundle_bytes:,} bytes."
    return assembled.tell(now, Type.ASSEMBLED, message)


def _sign(run: Run, event: Signed, now: datetime) -> Step:
    if run.state is not State.SIGNING:
        return Step(run)
    signed = _distribute(Step(run).change(signed=event.layout))
    return _end_if_served(
        signed.tell(now, Type.SIGNED, f"The bundle is signed by key {event.key_hint}."), now
    )


def _distribute(step: Step) -> Step:
    waiting = step.run.targets_in(TargetState.WAITING)
    sent = [SendWork(State.DISTRIBUTING, target.id) for target in waiting]
    return step.change(*sent, state=State.DISTRIBUTING, stage=State.DISTRIBUTING)


def _finish_target(run: Run, event: TargetDone, now: datetime) -> Step:
    if not _is_open(run, State.DISTRIBUTING, event.target):
        return Step(run)
    served = _with_target(run, event.target, state=TargetState.DONE, delivered=event.delivered)
    told = served.tell(now, Type.DISTRIBUTED, f"Target `{event.target}` has the bundle.")
    return _end_if_served(told, now)


def _fail_work(run: Run, event: WorkFailed, now: datetime) -> Step:
    if not _is_open(run, event.stage, event.item):
        return Step(run)
    key = f"{event.stage}/{event.item}"
    number = run.numbers.get(key, 1)
    if event.number not in (0, number):
        return Step(run)
    if event.stage is State.ASSEMBLING and event.failure.code == BlobMissing.code and run.attempt == 1:
        return _make_anew(run, event.failure, now)
    if event.retryable and number < MAX_NUMBER:
        again = SendWork(event.stage, event.item, number + 1)
        return Step(run).change(again, numbers={**run.numbers, key: number + 1})
    if event.stage is State.DISTRIBUTING:
        failed = _with_target(run, event.item, state=TargetState.FAILED, error=event.failure)
        error = RunError(event.failure, event.stage)
        return _end_if_served(failed.tell(now, Type.TARGET_FAILED, event.failure.message, error), now)
    return _fail(Step(run), event.failure, now)


def _end_if_served(step: Step, now: datetime) -> Step:
    """End the run once no target waits any more; it succeeded if every target has the bundle."""
    if step.run.targets_in(TargetState.WAITING):
        return step
    for target in step.run.targets:
        if target.error is not None:
            return _fail(step, target.error, now)
    succeeded = step.change(state=State.SUCCEEDED, ended=now)
    count = _count(len(succeeded.run.targets), "target")
    return succeeded.tell(now, Type.SUCCEEDED, f"The bundle is signed and delivered to {count}.")


def _fail(step: Step, failure: Failure, now: datetime) -> Step:
    stage = step.run.stage
    assert stage is not None  # only work fails, and work has a stage
    error = RunError(failure, stage)
    # Only shards run beside one another: of every other stage nothing is under way any more.
    stop = [StopWork(step.run.attempt)] if stage is State.ADAPTING else []
    ended = step.change(*stop, state=State.FAILED, ended=now, error=error)
    return ended.tell(now, Type.FAILED, failure.message, error)


def _make_anew(run: Run, failure: Failure, now: datetime) -> Step:
    """Retry at once: shards that an earlier run made, or this one long ago, are no longer in the store.

    Only a first attempt takes shards over, so the next one makes all that is missing.
    """
    failed = _fail(Step(run), failure, now)
    again = _retry(failed.run, now)
    return Step(again.run, (*failed.commands, *again.commands), (*failed.events, *again.events))


def _cancel(run: Run, now: datetime) -> Step:
    if run.state not in LIVE:
        return Step(run)
    stop = [] if run.state is State.QUEUED else [StopWork(run.attempt)]
    ended = Step(run).change(*stop, state=State.CANCELLED, ended=now)
    return ended.tell(now, Type.CANCELLED, "The run was cancelled on request.")


def _expire(run: Run, now: datetime) -> Step:
    if run.state is not State.SUCCEEDED:
        return Step(run)
    expired = Step(run).change(LetGo(), state=State.EXPIRED)
    return expired.tell(now, Type.EXPIRED, "The bundle was kept for as long as it was to be; it is removed.")


def _retry(run: Run, now: datetime) -> Step:
    """Queue a new attempt: of targets that lack the bundle where it is signed and whole, else of all work."""
    if run.state not in (State.FAILED, State.CANCELLED):
        return Step(run)
    attempt = run.attempt + 1
    if run.signed is None or _is_damaged(run):
        fresh = Run(
            tuple(Target(target.id, target.driver) for target in run.targets),
            attempt=attempt,
            sequence=run.sequence,
        )
        message = f"Attempt {attempt} waits to run over the same evidence."
    else:
        fresh = replace(
            run,
            attempt=attempt,
            state=State.QUEUED,
            stage=None,
            targets=tuple(_afresh(target) for target in run.targets),
            numbers={},
            error=None,
            started=None,
            ended=None,
        )
        count = _count(len(fresh.targets_in(TargetState.WAITING)), "target")
        message = f"Attempt {attempt} waits to send the signed bundle to {count}."
    return Step(fresh).tell(now, Type.RETRIED, message)


def _is_damaged(run: Run) -> bool:
    """Tell whether a target found that blobs of the bundle are gone or changed: only new ones help."""
    return any(target.error is not None and target.error.code in _DAMAGES for target in run.targets)


def _afresh(target: Target) -> Target:
    return target if target.state is TargetState.DONE else Target(target.id, target.driver)


def _is_open(run: Run, stage: State, item: str) -> bool:
    """Tell whether the run waits for this work."""
    if run.state is not stage:
        return False
    if stage is State.ADAPTING:
        shard = int(item)
        return 0 <= shard < run.shards_released and not run.shards_done >> shard & 1
    if stage is State.DISTRIBUTING:
        return any(target.id == item for target in run.targets_in(TargetState.WAITING))
    return not item


def _with_target(run: Run, target_id: str, **fields: object) -> Step:
    changed = tuple(
        dataclasses.replace(target, **fields)  # type: ignore[arg-type] # names checked by `replace`
        if target.id == target_id
        else target
        for target in run.targets
    )
    return Step(replace(run, targets=changed))


def _count(number: int, noun: str) -> str:
    return f"{number:,} {noun}" if number == 1 else f"{number:,} {noun}s"
