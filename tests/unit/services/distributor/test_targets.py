"""What may happen to a delivery."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from services.distributor import targets
from services.distributor.targets import Fault, Order, Outcome, State

NOW = datetime(2026, 1, 1, tzinfo=UTC)
LATER = NOW + timedelta(minutes=1)
OUTCOME = Outcome("sha256:aa", 7, "/somewhere")
FAULT = Fault("ERR", "it broke.", "Mend it.")


def order(attempt: int = 1) -> Order:
    return Order("run-00001", attempt, "download", "http")


def test_a_delivery_begins_running() -> None:
    begun = targets.begin(None, order(), NOW)
    assert (begun.state, begun.attempts, begun.created, begun.updated) == (State.RUNNING, 1, NOW, NOW)


def test_beginning_again_counts_and_forgets_how_it_ended() -> None:
    failed = targets.fail(targets.begin(None, order(), NOW), FAULT, NOW)
    again = targets.begin(failed, order(2), LATER)
    assert (again.state, again.attempts, again.attempt, again.fault) == (State.RUNNING, 2, 2, None)
    assert (again.created, again.updated) == (NOW, LATER)


def test_success_is_done_for_its_own_attempt_alone() -> None:
    done = targets.succeed(targets.begin(None, order(), NOW), OUTCOME, LATER)
    assert (done.state, done.outcome, done.fault) == (State.SUCCEEDED, OUTCOME, None)
    assert targets.is_done(done, order(1))
    assert not targets.is_done(done, order(2))
    assert not targets.is_done(None, order(1))


def test_a_failure_can_be_tried_again() -> None:
    failed = targets.fail(targets.begin(None, order(), NOW), FAULT, LATER)
    assert (failed.state, failed.outcome, failed.fault) == (State.FAILED, None, FAULT)
    assert not targets.is_done(failed, order(1))


def test_an_earlier_attempt_is_late() -> None:
    begun = targets.begin(None, order(2), NOW)
    assert targets.is_late(begun, order(1))
    assert not targets.is_late(begun, order(2))
    assert not targets.is_late(begun, order(3))
    assert not targets.is_late(None, order(1))
