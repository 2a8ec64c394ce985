"""The run's state machine, rule by rule."""

from __future__ import annotations

from dataclasses import replace

import pytest

from services.planner.runs.events import (
    Admitted,
    CancelAsked,
    Event,
    Expired,
    Granted,
    KeepOutput,
    LetGo,
    Planned,
    RetryAsked,
    SendWork,
    StopWork,
    Type,
)
from services.planner.runs.machine import MAX_NUMBER, step
from services.planner.runs.values import LIVE, Amounts, Failure, State, TargetState
from tests.kit.machine import (
    BLOB,
    FAILURE,
    NOW,
    after,
    assembled,
    failed,
    last_step,
    new_run,
    on_the_way,
    run_in,
    shard_done,
    signed,
    target_done,
)


@pytest.mark.parametrize("state", on_the_way())
def test_the_way_without_a_fault_leads_through_every_state(state: State) -> None:
    assert run_in(state).state is state


def test_the_whole_way_is_told_event_by_event() -> None:
    run, told = new_run(), [Type.CREATED]
    for event in on_the_way()[State.SUCCEEDED]:
        found = step(run, event, NOW)
        run = found.run
        told += [happened.type for happened in found.events]
    assert told == [
        Type.CREATED,
        Type.STARTED,
        Type.PLANNED,
        Type.SHARD_DONE,
        Type.SHARD_DONE,
        Type.ASSEMBLED,
        Type.SIGNED,
        Type.DISTRIBUTED,
        Type.DISTRIBUTED,
        Type.SUCCEEDED,
    ]


def test_an_admitted_run_asks_for_its_plan() -> None:
    assert last_step(new_run(), Admitted(1)).commands == (SendWork(State.PLANNING),)


def test_shards_go_out_as_they_are_granted() -> None:
    run = after(new_run(), Admitted(1), Planned(1, 3), Granted(1, 1))
    assert step(run, Granted(1, 3), NOW).commands == (
        SendWork(State.ADAPTING, "1"),
        SendWork(State.ADAPTING, "2"),
    )


def test_no_more_shards_go_out_than_there_are() -> None:
    run = after(new_run(), Admitted(1), Planned(1, 2))
    assert step(run, Granted(1, 9), NOW).run.shards_released == 2


def test_the_last_shard_asks_for_the_assembly_after_its_output_is_kept() -> None:
    commands = last_step(run_in(State.ADAPTING), shard_done(1), shard_done(0)).commands
    assert commands == (KeepOutput(0, BLOB), SendWork(State.ASSEMBLING))


def test_shards_add_up() -> None:
    run = run_in(State.ASSEMBLING)
    assert run.amounts == Amounts(20, 2000, 600, 4, 2)
    assert run.progress.shards_done == 2


def test_a_shard_that_was_not_sent_cannot_be_done() -> None:
    run = after(new_run(), Admitted(1), Planned(1, 2), Granted(1, 1))
    assert step(run, shard_done(1), NOW).run == run


def test_a_plan_of_no_shards_goes_straight_to_the_assembly() -> None:
    assert last_step(new_run(), Admitted(1), Planned(1, 0)).commands == (SendWork(State.ASSEMBLING),)


def test_a_signed_run_asks_for_every_target() -> None:
    assert last_step(run_in(State.SIGNING), signed()).commands == (
        SendWork(State.DISTRIBUTING, "download"),
        SendWork(State.DISTRIBUTING, "mirror"),
    )


@pytest.mark.parametrize(
    ("state", "item"),
    [
        (State.PLANNING, ""),
        (State.ADAPTING, "0"),
        (State.ASSEMBLING, ""),
        (State.SIGNING, ""),
        (State.DISTRIBUTING, "mirror"),
    ],
)
def test_work_that_may_go_better_is_asked_for_again(state: State, item: str) -> None:
    found = step(run_in(state), failed(state, item, retryable=True), NOW)
    assert found.commands == (SendWork(state, item, 2),)
    assert found.run.state is state


def test_work_is_asked_for_only_so_often() -> None:
    run = run_in(State.SIGNING)
    for number in range(1, MAX_NUMBER):
        run = after(run, failed(State.SIGNING, number=number, retryable=True))
    assert run.state is State.SIGNING
    assert after(run, failed(State.SIGNING, number=MAX_NUMBER, retryable=True)).state is State.FAILED


def test_a_failure_of_an_earlier_time_of_asking_changes_nothing() -> None:
    run = after(run_in(State.SIGNING), failed(State.SIGNING, number=1, retryable=True))
    assert step(run, failed(State.SIGNING, number=1), NOW).run == run


def test_a_failure_that_does_not_say_its_time_of_asking_counts_for_the_latest() -> None:
    run = after(run_in(State.SIGNING), failed(State.SIGNING, number=1, retryable=True))
    assert step(run, failed(State.SIGNING, number=0), NOW).run.state is State.FAILED


def test_a_failed_run_says_why_and_where() -> None:
    run = after(run_in(State.SIGNING), failed(State.SIGNING))
    assert run.error is not None
    assert (run.error.failure, run.error.stage) == (FAILURE, State.SIGNING)
    assert (run.state, run.stage, run.ended) == (State.FAILED, State.SIGNING, NOW)


def test_a_failed_shard_stops_the_others() -> None:
    found = step(run_in(State.ADAPTING), failed(State.ADAPTING, "1"), NOW)
    assert found.commands == (StopWork(1),)


def test_a_failed_target_waits_for_the_others_before_the_run_fails() -> None:
    run = after(run_in(State.DISTRIBUTING), failed(State.DISTRIBUTING, "mirror"))
    assert run.state is State.DISTRIBUTING
    assert after(run, target_done("download")).state is State.FAILED


def test_a_failed_target_leaves_the_signed_bundle() -> None:
    run = after(run_in(State.DISTRIBUTING), target_done("download"), failed(State.DISTRIBUTING, "mirror"))
    assert run.signed == BLOB
    assert [target.state for target in run.targets] == [TargetState.DONE, TargetState.FAILED]


def test_a_failed_target_is_told_before_the_end() -> None:
    run = after(run_in(State.DISTRIBUTING), target_done("download"))
    events = step(run, failed(State.DISTRIBUTING, "mirror"), NOW).events
    assert [(event.type, event.terminal) for event in events] == [
        (Type.TARGET_FAILED, False),
        (Type.FAILED, True),
    ]


@pytest.mark.parametrize("state", sorted(LIVE))
def test_a_live_run_is_cancelled_at_once(state: State) -> None:
    found = step(run_in(state), CancelAsked(), NOW)
    assert found.run.state is State.CANCELLED
    assert [event.type for event in found.events] == [Type.CANCELLED]


def test_cancelling_tells_the_workers_unless_nothing_has_begun() -> None:
    assert step(run_in(State.ADAPTING), CancelAsked(), NOW).commands == (StopWork(1),)
    assert step(run_in(State.QUEUED), CancelAsked(), NOW).commands == ()


def test_results_after_a_cancellation_change_nothing() -> None:
    run = after(run_in(State.SIGNING), CancelAsked())
    assert step(run, signed(), NOW).run == run


def test_a_run_that_has_ended_cannot_be_cancelled() -> None:
    run = run_in(State.SUCCEEDED)
    assert step(run, CancelAsked(), NOW).run == run


def test_a_run_without_a_signature_is_retried_from_the_beginning() -> None:
    run = after(run_in(State.ASSEMBLING), failed(State.ASSEMBLING), RetryAsked())
    assert (run.state, run.attempt, run.shards_total, run.shards_done) == (State.QUEUED, 2, 0, 0)
    assert last_step(run, Admitted(2)).commands == (SendWork(State.PLANNING),)


def test_a_signed_run_is_retried_for_its_failed_targets_alone() -> None:
    run = after(
        run_in(State.DISTRIBUTING),
        target_done("download"),
        failed(State.DISTRIBUTING, "mirror"),
        RetryAsked(),
    )
    found = step(run, Admitted(2), NOW)
    assert found.commands == (SendWork(State.DISTRIBUTING, "mirror"),)
    assert after(found.run, target_done("mirror", 2)).state is State.SUCCEEDED


def test_a_cancelled_delivery_can_be_retried() -> None:
    run = after(run_in(State.DISTRIBUTING), CancelAsked(), RetryAsked(), Admitted(2))
    assert after(run, target_done("download", 2), target_done("mirror", 2)).state is State.SUCCEEDED


@pytest.mark.parametrize("state", [*sorted(LIVE), State.SUCCEEDED])
def test_only_what_failed_or_was_cancelled_is_retried(state: State) -> None:
    run = run_in(state)
    assert step(run, RetryAsked(), NOW).run == run


def test_a_result_of_an_earlier_attempt_changes_nothing() -> None:
    run = after(run_in(State.ASSEMBLING), CancelAsked(), RetryAsked(), *on_the_way(2)[State.ASSEMBLING])
    assert run.state is State.ASSEMBLING
    assert step(run, assembled(1), NOW).run == run


def test_a_retried_run_counts_its_time_anew() -> None:
    run = after(run_in(State.SIGNING), failed(State.SIGNING), RetryAsked())
    assert (run.started, run.ended, run.error) == (None, None, None)


def test_retention_ends_a_success_and_lets_the_bundle_go() -> None:
    found = step(run_in(State.SUCCEEDED), Expired(), NOW)
    assert (found.run.state, found.commands) == (State.EXPIRED, (LetGo(),))
    assert [(event.type, event.terminal) for event in found.events] == [(Type.EXPIRED, False)]


@pytest.mark.parametrize("code", ["ERR_EXPORT_BLOB_MISSING", "ERR_EXPORT_BLOB_CORRUPT"])
def test_a_retry_makes_a_bundle_anew_whose_blobs_are_gone(code: str) -> None:
    damage = replace(failed(State.DISTRIBUTING, "download"), failure=Failure(code, "gone", "retry"))
    run = after(run_in(State.DISTRIBUTING), damage)
    while run.state is State.DISTRIBUTING:
        [waiting, *_] = run.targets_in(TargetState.WAITING)
        run = after(run, target_done(waiting.id))
    assert run.state is State.FAILED
    again = after(run, RetryAsked())
    assert (again.state, again.signed) == (State.QUEUED, None)
    assert {target.state for target in again.targets} == {TargetState.WAITING}


@pytest.mark.parametrize("state", sorted(LIVE))
def test_retention_leaves_live_runs_alone(state: State) -> None:
    run = run_in(state)
    assert step(run, Expired(), NOW).run == run


@pytest.mark.parametrize(
    "event", [Admitted(1), Planned(1, 2), Granted(1, 2), shard_done(0), assembled(), signed()]
)
def test_what_comes_too_early_or_too_late_changes_nothing(event: Event) -> None:
    run = run_in(State.SUCCEEDED)
    assert step(run, event, NOW).run == run
