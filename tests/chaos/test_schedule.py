"""Schedules: the same for the same seed, and over many seeds everything is disturbed."""

from __future__ import annotations

from pathlib import Path

from libs.common.points import POINTS
from tests.chaos.failed import failed_seeds
from tests.chaos.faults import Action, AtPoint, Schedule, Story
from tests.chaos.schedule import (
    EXPORT_POINTS,
    EXPORT_VICTIMS,
    IMPORT_POINTS,
    IMPORT_VICTIMS,
    MORE_POINTS,
    PROFILES,
    schedule,
)

MANY = [schedule(seed) for seed in range(3000)]


def orders(one: Schedule) -> list[tuple[str, str]]:
    return [
        (fault.moment.service, fault.moment.point)
        for fault in one.faults
        if isinstance(fault.moment, AtPoint)
    ]


def test_a_seed_gives_the_same_schedule_every_time() -> None:
    assert MANY[:100] == [schedule(seed) for seed in range(100)]
    assert len(set(MANY)) > 0.99 * len(MANY)


def test_a_seed_that_is_kept_means_what_it_meant() -> None:
    assert str(schedule(7)) == (
        "export of `packed-tight`: restart planner when the run is planning; "
        "stop planner for 2.3 s when planner reaches `bus.handled`, visit 5"
    )


def test_every_story_profile_victim_and_action_is_drawn() -> None:
    assert {one.story for one in MANY} == set(Story)
    assert {one.profile for one in MANY} == {*PROFILES, "evidence"}
    assert {fault.victim for one in MANY for fault in one.faults} == {*EXPORT_VICTIMS, *IMPORT_VICTIMS}
    assert {fault.action for one in MANY for fault in one.faults} == set(Action)


def test_every_point_that_a_story_passes_is_drawn_and_is_declared() -> None:
    wanted = [
        *EXPORT_POINTS,
        *IMPORT_POINTS,
        *(point for some in MORE_POINTS.values() for point in some),
    ]
    assert {order for one in MANY for order in orders(one)} == {
        (service, point) for service, point, _ in wanted
    }
    assert {point for _, point, _ in wanted} <= POINTS


def test_no_point_has_two_orders_and_every_schedule_has_a_fault() -> None:
    for one in MANY:
        assert len(orders(one)) == len(set(orders(one)))
        assert one.faults
        assert (one.cancel is not None) == (one.story in (Story.CANCEL, Story.RETRY))


def test_kept_seeds_are_read_with_what_they_have_shown() -> None:
    lines = Path(__file__).with_name("failed_seeds.txt").read_text(encoding="utf-8").splitlines()
    kept = [line for line in lines if line.strip() and not line.startswith("#")]
    assert len(failed_seeds()) == len(kept)
    assert all(line.partition("#")[2].strip() for line in kept)
