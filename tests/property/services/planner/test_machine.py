"""The run's state machine over random orders, repetitions and losses of events."""

from __future__ import annotations

from hypothesis import assume, given, settings
from hypothesis import strategies as st

from services.planner.runs.events import (
    Admitted,
    CancelAsked,
    Command,
    Event,
    Expired,
    Granted,
    Happened,
    Planned,
    RetryAsked,
    SendWork,
    Type,
    WorkFailed,
)
from services.planner.runs.machine import Run, create, step
from services.planner.runs.values import ENDED, STAGES, Amounts, State
from tests.kit.machine import (
    GONE,
    NOW,
    TARGETS,
    assembled,
    failed,
    new_run,
    shard_done,
    signed,
    target_done,
)

SHARDS = 3
ATTEMPTS = st.integers(1, 3)
ITEMS = {
    State.ADAPTING: st.sampled_from([str(shard) for shard in range(SHARDS + 1)]),
    State.DISTRIBUTING: st.sampled_from(["download", "mirror", "elsewhere"]),
}


def failures(stage: State) -> st.SearchStrategy[Event]:
    return st.builds(
        failed,
        st.just(stage),
        ITEMS.get(stage, st.just("")),
        st.integers(0, 4),
        ATTEMPTS,
        retryable=st.booleans(),
    )


EVENTS: st.SearchStrategy[Event] = st.one_of(
    st.builds(Admitted, ATTEMPTS),
    st.builds(Planned, ATTEMPTS, st.integers(0, SHARDS), st.sampled_from([None, Amounts(segments=1)])),
    st.builds(Granted, ATTEMPTS, st.integers(0, SHARDS + 1)),
    st.builds(shard_done, st.integers(0, SHARDS), ATTEMPTS),
    st.builds(assembled, ATTEMPTS),
    st.builds(signed, ATTEMPTS),
    st.builds(
        WorkFailed,
        ATTEMPTS,
        stage=st.just(State.ASSEMBLING),
        item=st.just(""),
        number=st.just(1),
        failure=st.just(GONE),
        retryable=st.just(value=False),
    ),
    st.builds(target_done, ITEMS[State.DISTRIBUTING], ATTEMPTS),
    *map(failures, STAGES),
    st.just(CancelAsked()),
    st.just(RetryAsked()),
    st.just(Expired()),
)


def history(events: list[Event]) -> tuple[Run, list[Happened]]:
    """Return the run after the events, and everything that was told."""
    first = create(TARGETS, NOW)
    run, told = first.run, list(first.events)
    for event in events:
        found = step(run, event, NOW)
        run = found.run
        told += found.events
    return run, told


@settings(deadline=None)
@given(st.lists(EVENTS, max_size=60))
def test_told_events_are_numbered_without_a_gap(events: list[Event]) -> None:
    run, told = history(events)
    assert [happened.sequence for happened in told] == list(range(1, len(told) + 1))
    assert run.sequence == len(told)


@settings(deadline=None)
@given(st.lists(EVENTS, max_size=60))
def test_every_attempt_ends_once_and_nothing_of_it_follows(events: list[Event]) -> None:
    run, told = history(events)
    for attempt in range(1, run.attempt + 1):
        of_attempt = [happened for happened in told if happened.attempt == attempt]
        if of_attempt[-1].type is Type.EXPIRED:
            assert of_attempt.pop().state is State.EXPIRED
        ends = [happened.terminal for happened in of_attempt]
        ended = attempt < run.attempt or run.state in ENDED
        assert ends == [False] * (len(ends) - ended) + [True] * ended


@settings(deadline=None)
@given(st.lists(EVENTS, max_size=60), EVENTS)
def test_a_repeated_event_changes_nothing(events: list[Event], event: Event) -> None:
    # Work that fails without saying which time of asking it answers is told apart by its message's id alone.
    assume(getattr(event, "number", 1) > 0)
    once = step(history(events)[0], event, NOW).run
    again = step(once, event, NOW)
    assert (again.run, again.commands, again.events) == (once, (), ())


@settings(deadline=None)
@given(st.lists(EVENTS, max_size=60), EVENTS)
def test_an_event_of_another_attempt_changes_nothing(events: list[Event], event: Event) -> None:
    run, _ = history(events)
    if getattr(event, "attempt", run.attempt) != run.attempt:
        found = step(run, event, NOW)
        assert (found.run, found.commands, found.events) == (run, (), ())


@settings(deadline=None)
@given(st.lists(EVENTS, max_size=60))
def test_a_signed_bundle_is_never_lost(events: list[Event]) -> None:
    run, kept = new_run(), None
    for event in events:
        run = step(run, event, NOW).run
        assert kept is None or run.signed == kept
        kept = run.signed


def answer(send: SendWork, attempt: int, data: st.DataObject) -> Event:
    """Let a worker do what was asked, or fail."""
    fault = data.draw(st.sampled_from(["", "", "", "for good", "perhaps"]))
    if fault:
        return failed(send.stage, send.item, send.number, attempt, retryable=fault == "perhaps")
    match send.stage:
        case State.PLANNING:
            return Planned(attempt, SHARDS)
        case State.ADAPTING:
            return shard_done(int(send.item), attempt)
        case State.ASSEMBLING:
            return assembled(attempt)
        case State.SIGNING:
            return signed(attempt)
        case _:
            return target_done(send.item, attempt)


@settings(deadline=None)
@given(st.data())
def test_whatever_workers_answer_in_whatever_order_the_attempt_ends(data: st.DataObject) -> None:
    run = new_run()
    waiting: list[Event] = [Admitted(1)]
    happened: list[Event] = []
    while waiting:
        event = waiting.pop(data.draw(st.integers(0, len(waiting) - 1)))
        if data.draw(st.booleans()) and happened:
            waiting_again = happened[data.draw(st.integers(0, len(happened) - 1))]
            run = step(run, waiting_again, NOW).run  # a repetition: its commands must be empty
        found = step(run, event, NOW)
        run, happened = found.run, [*happened, event]
        waiting += [answer(send, 1, data) for send in sends(found.commands)]
        if run.state is State.ADAPTING and run.shards_released < run.shards_total:
            waiting.append(Granted(1, run.shards_released + 1))
    assert run.state in ENDED


def sends(commands: tuple[Command, ...]) -> list[SendWork]:
    return [command for command in commands if isinstance(command, SendWork)]
