"""Each invariant can fail: a state broken by hand contradicts it, the whole one does not."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest

from tests.chaos import invariants
from tests.chaos.observation import Bundle, Delivery, Event, Rest, RunSeen, Store

TAR = "sha256:" + "1" * 64
TYPES = ("created", "started", "cancelled", "retried", "started", "succeeded")
ATTEMPTS = (1, 1, 1, 2, 2, 2)
EVENTS = tuple(
    Event(number, attempt, type_)
    for number, (attempt, type_) in enumerate(zip(ATTEMPTS, TYPES, strict=True), start=1)
)
DELIVERY = Delivery("r1", "download", "succeeded", 2, TAR)
BUNDLE = Bundle("r1", 2, TAR, TAR)
WHOLE = RunSeen(
    id="r1",
    profile="p",
    state="succeeded",
    attempt=2,
    sequence=6,
    targets=("download",),
    events=EVENTS,
    deliveries=(DELIVERY,),
    bundles=(BUNDLE,),
    signed_attempts=(2,),
    told={"created": 1, "started": 2, "cancelled": 1, "retried": 1, "succeeded": 1},
)

Check = Callable[[RunSeen], list[str]]


def same_bytes(run: RunSeen) -> list[str]:
    return invariants.same_bytes(run, TAR)


def ended(run: RunSeen) -> list[str]:
    return invariants.ended_as_documented(run, {"succeeded"})


BROKEN: list[tuple[Check, RunSeen]] = [
    (ended, replace(WHOLE, state="distributing")),
    (invariants.one_terminal_event, replace(WHOLE, events=EVENTS[:-1])),
    (invariants.one_terminal_event, replace(WHOLE, events=(*EVENTS, Event(7, 2, "succeeded")))),
    (invariants.one_terminal_event, replace(WHOLE, events=(*EVENTS, Event(7, 2, "shard_done")))),
    (invariants.one_terminal_event, replace(WHOLE, state="failed")),
    (invariants.events_without_gap, replace(WHOLE, events=EVENTS[:2] + EVENTS[3:])),
    (invariants.events_without_gap, replace(WHOLE, sequence=7)),
    (invariants.told_once, replace(WHOLE, told=WHOLE.told | {"succeeded": 2})),
    (invariants.told_once, replace(WHOLE, told={"created": 1})),
    (same_bytes, replace(WHOLE, bundles=())),
    (same_bytes, replace(WHOLE, bundles=(BUNDLE, BUNDLE))),
    (same_bytes, replace(WHOLE, bundles=(replace(BUNDLE, tar_digest="sha256:other"),))),
    (same_bytes, replace(WHOLE, bundles=(replace(BUNDLE, downloaded="sha256:other"),))),
    (invariants.delivered_once, replace(WHOLE, deliveries=())),
    (invariants.delivered_once, replace(WHOLE, deliveries=(DELIVERY, DELIVERY))),
    (invariants.delivered_once, replace(WHOLE, deliveries=(replace(DELIVERY, state="running"),))),
    (invariants.delivered_once, replace(WHOLE, deliveries=(replace(DELIVERY, digest="sha256:other"),))),
    (invariants.signed_once, replace(WHOLE, signed_attempts=(2, 2))),
    (invariants.signed_once, replace(WHOLE, signed_attempts=())),
]


@pytest.mark.parametrize(("check", "run"), BROKEN)
def test_a_broken_run_contradicts_its_invariant_and_a_whole_one_does_not(check: Check, run: RunSeen) -> None:
    assert check(WHOLE) == []
    assert len(check(run)) >= 1


def test_a_cancelled_run_owes_no_bundle() -> None:
    cancelled = replace(WHOLE, state="cancelled", bundles=(), deliveries=(), signed_attempts=())
    for check in (same_bytes, invariants.delivered_once, invariants.signed_once):
        assert check(cancelled) == []


def test_a_request_that_made_two_runs_or_none_is_found() -> None:
    assert invariants.one_run_a_request([WHOLE], 1) == []
    assert invariants.one_run_a_request([WHOLE, WHOLE], 1)
    assert invariants.one_run_a_request([], 1)


def test_evidence_that_stays_pinned_is_found() -> None:
    assert invariants.nothing_pinned(0) == []
    assert invariants.nothing_pinned(1)


@pytest.mark.parametrize("left", [Rest(outbox=1), Rest(messages={"PLAN": 1}), Rest(in_hand={"plan": 1})])
def test_work_that_is_left_is_found(left: Rest) -> None:
    assert invariants.at_rest(Rest(messages={"PLAN": 0}, in_hand={"plan": 0})) == []
    assert invariants.at_rest(left)


def test_a_missing_blob_is_found() -> None:
    assert invariants.nothing_missing(Store(frozenset({"a", "b"}), frozenset({"a"}))) == []
    assert invariants.nothing_missing(Store(frozenset({"a"}), frozenset({"a", "b"})))


def test_an_orphan_and_the_remains_of_a_write_are_found() -> None:
    whole = Store(frozenset({"a"}), frozenset({"a"}))
    assert invariants.nothing_left_over(whole) == []
    assert invariants.nothing_left_over(replace(whole, present=frozenset({"a", "b"})))
    assert invariants.nothing_left_over(replace(whole, remains=(".a.1",)))


def test_evidence_between_old_and_new_is_found() -> None:
    assert invariants.old_or_new({1}, {1}, {2}) == []
    assert invariants.old_or_new({2}, {1}, {2}) == []
    assert invariants.old_or_new({1, 2}, {1}, {2})
