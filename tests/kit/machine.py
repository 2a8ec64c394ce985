"""Short words for driving the run's state machine in tests."""

from __future__ import annotations

from datetime import UTC, datetime

from libs.common.errors import BlobMissing
from services.planner.runs.events import (
    Admitted,
    Assembled,
    CancelAsked,
    Event,
    Expired,
    Granted,
    Planned,
    RetryAsked,
    ShardDone,
    Signed,
    TargetDone,
    WorkFailed,
)
from services.planner.runs.machine import Run, Step, create, step
from services.planner.runs.values import Amounts, BlobRef, Delivered, Failure, State, Target

NOW = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
FAILURE = Failure("ERR_EXPORT_KEY", "The key is gone.", "Bring it back.")
GONE = Failure(BlobMissing.code, "It is not in the store.", "Make it again.")
BLOB = BlobRef("sha256:" + "0" * 64, 100)
TARGETS = (Target("download", "http"), Target("mirror", "http"))


def shard_done(shard: int, attempt: int = 1) -> ShardDone:
    """Return the event of a finished shard."""
    return ShardDone(attempt, shard, BLOB, Amounts(10, 1000, 300, 2, 1))


def assembled(attempt: int = 1) -> Assembled:
    """Return the event of a finished assembly."""
    return Assembled(attempt, BLOB, BLOB, 5, 12_345)


def signed(attempt: int = 1) -> Signed:
    """Return the event of a signature."""
    return Signed(attempt, BLOB, "hint")


def target_done(target: str, attempt: int = 1) -> TargetDone:
    """Return the event of a served target."""
    return TargetDone(attempt, target, Delivered("sha256:" + "1" * 64, 20_480, "a place"))


def failed(
    stage: State, item: str = "", number: int = 1, attempt: int = 1, *, retryable: bool = False
) -> WorkFailed:
    """Return the event of failed work."""
    return WorkFailed(attempt, stage, item, number, FAILURE, retryable)


def new_run() -> Run:
    """Return a run that waits for a slot."""
    return create(TARGETS, NOW).run


def after(run: Run, *happened: Event) -> Run:
    """Return the run after some events."""
    for event in happened:
        run = step(run, event, NOW).run
    return run


def last_step(run: Run, *happened: Event) -> Step:
    """Return what the last of some events gives."""
    return step(after(run, *happened[:-1]), happened[-1], NOW)


def on_the_way(attempt: int = 1) -> dict[State, tuple[Event, ...]]:
    """Return the events that take a queued run of two shards into each state without a fault."""
    planning: tuple[Event, ...] = (Admitted(attempt),)
    adapting = (*planning, Planned(attempt, 2), Granted(attempt, 2))
    assembling = (*adapting, shard_done(0, attempt), shard_done(1, attempt))
    signing = (*assembling, assembled(attempt))
    distributing = (*signing, signed(attempt))
    succeeded = (*distributing, target_done("download", attempt), target_done("mirror", attempt))
    return {
        State.QUEUED: (),
        State.PLANNING: planning,
        State.ADAPTING: adapting,
        State.ASSEMBLING: assembling,
        State.SIGNING: signing,
        State.DISTRIBUTING: distributing,
        State.SUCCEEDED: succeeded,
    }


def run_in(state: State) -> Run:
    """Return a run that came to a state without a fault."""
    return after(new_run(), *on_the_way()[state])


_WORK = (
    (State.PLANNING, ""),
    (State.ADAPTING, "0"),
    (State.ADAPTING, "1"),
    (State.ASSEMBLING, ""),
    (State.SIGNING, ""),
    (State.DISTRIBUTING, "download"),
    (State.DISTRIBUTING, "mirror"),
)


def happenings(attempt: int) -> dict[str, tuple[Event, ...]]:
    """Return what can happen, in the words and the order of docs/modules/export-center/runs.md."""
    return {
        "a slot is free": (Admitted(attempt),),
        "the plan is made": (Planned(attempt, 2),),
        "the plan is that of an earlier run": (Planned(attempt, 2, Amounts(segments=2)),),
        "shards are granted": (Granted(attempt, 1), Granted(attempt, 2)),
        "a shard is done": (shard_done(0, attempt), shard_done(1, attempt)),
        "the bundle is assembled": (assembled(attempt),),
        "the bundle is signed": (signed(attempt),),
        "a target has it": (target_done("download", attempt), target_done("mirror", attempt)),
        "work fails and may go better": tuple(
            failed(stage, item, attempt=attempt, retryable=True) for stage, item in _WORK
        ),
        "work fails for good": tuple(failed(stage, item, attempt=attempt) for stage, item in _WORK),
        "what was made before is gone": (
            WorkFailed(attempt, State.ASSEMBLING, "", 1, GONE, retryable=False),
        ),
        "cancel": (CancelAsked(),),
        "retry": (RetryAsked(),),
        "retention removes the bundle": (Expired(),),
    }


def examples() -> dict[State, tuple[Run, ...]]:
    """Return runs of every kind that there is in each state."""
    way = {state: run_in(state) for state in on_the_way()}
    one_served = after(way[State.DISTRIBUTING], target_done("download"))
    broken = (
        after(way[State.SIGNING], failed(State.SIGNING)),
        after(one_served, failed(State.DISTRIBUTING, "mirror")),
    )
    return {
        **{state: (run,) for state, run in way.items()},
        State.QUEUED: (way[State.QUEUED], *(after(run, RetryAsked()) for run in broken)),
        State.ADAPTING: (
            after(way[State.PLANNING], Planned(1, 2)),
            way[State.ADAPTING],
            after(way[State.ADAPTING], shard_done(0)),
        ),
        State.DISTRIBUTING: (
            way[State.DISTRIBUTING],
            one_served,
            after(way[State.DISTRIBUTING], failed(State.DISTRIBUTING, "mirror")),
        ),
        State.FAILED: broken,
        State.CANCELLED: tuple(
            after(way[state], CancelAsked()) for state in (State.QUEUED, State.DISTRIBUTING)
        ),
        State.EXPIRED: (after(way[State.SUCCEEDED], Expired()),),
    }


def transitions() -> str:
    """Return the table of every state and happening that changes a run, and of what the run then is."""
    rows = ["| in state | when | the run is then |", "| --- | --- | --- |"]
    runs = examples()
    for state in State:
        for happening in happenings(1):
            becomes = {
                changed.state
                for run in runs[state]
                for event in happenings(run.attempt)[happening]
                if (changed := step(run, event, NOW).run) != run
            }
            if becomes:
                words = " or ".join(f"`{other}`" for other in State if other in becomes)
                rows.append(f"| `{state}` | {happening} | {words} |")
    return "\n".join(rows)
