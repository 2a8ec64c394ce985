"""Plays one schedule on a world, and returns what contradicts the invariants."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass

from tests.chaos import evidence, invariants, observe
from tests.chaos.disturber import Disturber
from tests.chaos.door import Refused
from tests.chaos.faults import After, AtStage, Moment, Schedule, Story
from tests.chaos.schedule import PROFILES, STAGES
from tests.chaos.world import ENDED, EXPORTER, IMPORTER, LOOK_SECONDS, RUNS, World

COLLECT = "/api/export/blobs:collect"
RELEASE_SECONDS = 40.0  # housekeeping passes every five seconds
SWEEP_SECONDS = 20.0  # the kit's ledger sweeps every second


@dataclass(frozen=True, slots=True)
class Played:
    """What came of a schedule: contradictions, what was done, how the run or import ended.

    `story` is how many seconds the user waited, `seconds` how long it all took.
    """

    schedule: Schedule
    faults: tuple[str, ...]
    happened: tuple[str, ...]
    end: str
    story: float
    seconds: float


def play(world: World, wanted: Schedule) -> Played:
    """Play a schedule and judge what it leaves."""
    begun = time.monotonic()
    disturber = Disturber(world.programs, world.points, wanted.faults, wanted.seed)
    if wanted.story is Story.IMPORT:
        end, faults = _import(world, disturber)
    else:
        end, faults = _run(world, wanted, disturber)
    seconds = time.monotonic() - begun
    return Played(wanted, tuple(faults), tuple(disturber.happened), end, disturber.seconds, seconds)


def _run(world: World, wanted: Schedule, disturber: Disturber) -> tuple[str, list[str]]:
    world.forget(EXPORTER, with_evidence=False)
    stories = {
        Story.EXPORT: _export,
        Story.CANCEL: _cancel,
        Story.RETRY: _retry,
        Story.MEND: _mend,
        Story.PAIR: _pair,
    }
    end = "unended"
    try:
        end = stories[wanted.story](world, wanted, disturber)
    finally:
        disturber.finish()
    world.wait_until_up()
    expected = {"succeeded", "cancelled"} if wanted.story is Story.CANCEL else {"succeeded"}
    return end, list(_judge(world, wanted, expected))


def _export(world: World, wanted: Schedule, disturber: Disturber) -> str:
    disturber.begin()
    return _see(world, disturber, _start(world, wanted.profile))


def _cancel(world: World, wanted: Schedule, disturber: Disturber) -> str:
    disturber.begin()
    run = _start(world, wanted.profile)
    _cancel_at(world, wanted.cancel, disturber, run)
    return _see(world, disturber, run)


def _retry(world: World, wanted: Schedule, disturber: Disturber) -> str:
    disturber.begin()
    run = _start(world, wanted.profile)
    _cancel_at(world, wanted.cancel, disturber, run)
    if _see(world, disturber, run) == "succeeded":
        return "succeeded"
    world.exporter.write(f"{RUNS}/{run}:retry", {})
    return _see(world, disturber, run, attempt=2)


def _mend(world: World, wanted: Schedule, disturber: Disturber) -> str:
    folder = world.suite.data / "blobs" / "evidence" / EXPORTER
    gone = folder.with_name("gone")
    folder.rename(gone)
    try:
        run = _start(world, wanted.profile)
        failed = world.follow(run, lambda _: None)
    finally:
        gone.rename(folder)
    assert failed == "failed", failed
    disturber.begin()
    world.exporter.write(f"{RUNS}/{run}:retry", {})
    return _see(world, disturber, run, attempt=2)


def _pair(world: World, wanted: Schedule, disturber: Disturber) -> str:
    disturber.begin()
    other = PROFILES[PROFILES.index(wanted.profile) - 1]
    runs = [_start(world, profile) for profile in (wanted.profile, other)]
    ends = [_see(world, disturber, run) for run in runs]
    deadline = time.monotonic() + RELEASE_SECONDS
    while observe.pinned(world) and time.monotonic() < deadline:
        time.sleep(LOOK_SECONDS)
    return " and ".join(sorted(set(ends)))


def _start(world: World, profile: str) -> str:
    run = world.exporter.write(RUNS, {"profile": profile})
    return str(run["name"]).rpartition("/")[2]


def _see(world: World, disturber: Disturber, run: str, attempt: int = 1) -> str:
    def see(stage: str) -> None:
        disturber.stage = stage

    return world.follow(run, see, attempt)


def _cancel_at(world: World, moment: Moment | None, disturber: Disturber, run: str) -> None:
    """Cancel the run at its moment; one that has ended before refuses."""
    begun = time.monotonic()
    while not _is_time(moment, disturber.stage, time.monotonic() - begun):
        rows = world.query(
            "SELECT state FROM planner.export_runs WHERE tenant = %s AND run = %s", EXPORTER, run
        )
        disturber.stage = rows[0][0]
        time.sleep(LOOK_SECONDS)
    try:
        world.exporter.write(f"{RUNS}/{run}:cancel", {})
    except Refused:
        rows = world.query(
            "SELECT state FROM planner.export_runs WHERE tenant = %s AND run = %s", EXPORTER, run
        )
        assert rows[0][0] in ENDED, rows


def _is_time(moment: Moment | None, stage: str, seconds: float) -> bool:
    match moment:
        case AtStage(wanted):
            return stage in ENDED or (bool(stage) and STAGES.index(stage) >= STAGES.index(wanted))
        case After(wanted_seconds):
            return seconds >= wanted_seconds
        case _:
            return True


def _judge(world: World, wanted: Schedule, expected: set[str]) -> Iterator[str]:
    yield from invariants.at_rest(observe.rest(world))
    runs = observe.runs(world)
    yield from invariants.one_run_a_request(runs, 2 if wanted.story is Story.PAIR else 1)
    if wanted.story is Story.PAIR:
        yield from invariants.nothing_pinned(observe.pinned(world))
    for run in runs:
        yield from invariants.ended_as_documented(run, expected)
        yield from invariants.one_terminal_event(run)
        yield from invariants.events_without_gap(run)
        yield from invariants.told_once(run)
        yield from invariants.signed_once(run)
        yield from invariants.delivered_once(run)
        yield from invariants.same_bytes(run, world.undisturbed[run.profile])
    yield from invariants.nothing_missing(observe.exports(world))
    yield from _judge_collection(world)


def _judge_collection(world: World) -> Iterator[str]:
    world.exporter.write(COLLECT, {"graceSeconds": "0"})
    collected = observe.exports(world)
    yield from invariants.nothing_missing(collected)
    yield from invariants.nothing_left_over(collected)


def _import(world: World, disturber: Disturber) -> tuple[str, list[str]]:
    world.forget(IMPORTER, with_evidence=True)
    for feed in evidence.before():
        world.importer.import_until_done(feed)
    old = observe.evidence_state(world, IMPORTER)
    try:
        disturber.begin()
        end = world.importer.import_once(evidence.after())
    finally:
        disturber.finish()
    world.wait_until_up()
    found = observe.evidence_state(world, IMPORTER)
    faults = invariants.nothing_missing(observe.ledger(world, IMPORTER))
    world.importer.import_until_done(evidence.after())
    new = observe.evidence_state(world, IMPORTER)
    faults += invariants.old_or_new(found, old, new)
    if end == "done" and found != new:
        faults.append("an import that was told to be done is not what stands")
    faults += _judge_ledger(world)
    return (end if end == "done" else "refused"), faults


def _judge_ledger(world: World) -> list[str]:
    """Wait until the ledger has swept what no snapshot sees, and collected what no segment names."""
    deadline = time.monotonic() + SWEEP_SECONDS
    while True:
        # Again and again: a sweep that is at work goes first, and leaves what is suspect for the next time.
        observe.collect_frames(world, IMPORTER)
        found = observe.ledger(world, IMPORTER)
        left = invariants.nothing_left_over(found)
        if not left or time.monotonic() > deadline:
            return invariants.nothing_missing(found) + left
        time.sleep(5 * LOOK_SECONDS)
