"""Decides what one seed disturbs, and how: pure, so that a seed that failed can be tried again."""

from __future__ import annotations

import random
from collections.abc import Mapping
from typing import TypeVar

from tests.chaos.faults import Action, After, AtPoint, AtStage, Fault, Moment, Schedule, Story

HOST = "adapter_host"
POSTGRES, NATS = "postgres", "nats"
READER = "reader"  # a process in which `evidence` reads documents
STAGES = ("queued", "planning", "adapting", "assembling", "signing", "distributing")
AS_IT_IS = "as-it-is"
PROFILES = (AS_IT_IS, "packed-anew", "packed-tight", "chosen")

Choice = TypeVar("Choice")

# Which points an export passes, and how often at most with the evidence of this kit.
EXPORT_POINTS = (
    ("gateway", "gateway.answered", 1),
    ("planner", "planner.snapshot_pinned", 1),
    ("planner", "planner.run_committed", 1),
    ("planner", "planner.transition_written", 6),
    ("planner", "planner.transition_committed", 6),
    ("planner", "planner.grant_committed", 1),
    ("planner", "outbox.published", 5),
    ("planner", "bus.handled", 5),
    ("evidence", "evidence.snapshot_opened", 1),
    (HOST, "adapter.frames_stored", 6),
    (HOST, "adapter.frames_taken_over", 6),
    (HOST, "adapter.note_stored", 6),
    (HOST, "adapter.output_stored", 4),
    (HOST, "adapter.texts_stored", 1),
    (HOST, "adapter.layout_stored", 1),
    (HOST, "bus.handled", 4),
    ("signer", "signer.signed", 1),
    ("signer", "signer.stored", 1),
    ("signer", "signer.committed", 1),
    ("signer", "bus.handled", 1),
    ("distributor", "distributor.begun", 1),
    ("distributor", "distributor.measured", 1),
    ("distributor", "distributor.delivered", 1),
    ("distributor", "distributor.committed", 1),
    ("distributor", "bus.handled", 1),
)
MORE_POINTS = {
    Story.CANCEL: (("planner", "planner.cancel_committed", 1),),
    Story.RETRY: (("planner", "planner.cancel_committed", 1), ("planner", "planner.retry_committed", 1)),
    Story.PAIR: (
        ("planner", "planner.admission_committed", 1),
        ("planner", "planner.snapshot_released", 2),
    ),
    Story.MEND: (("planner", "planner.retry_committed", 1),),
}
_OF_PACKED = ("adapter.frames_stored", "adapter.note_stored")
_OF_TAKEN_OVER = ("adapter.frames_taken_over",)
IMPORT_POINTS = (
    ("evidence", "evidence.gathered", 1),
    ("evidence", "evidence.frames_stored", 5),
    ("evidence", "evidence.import_written", 1),
    ("evidence", "evidence.import_committed", 1),
    ("evidence", "evidence.frames_deleted", 1),
)
EXPORT_VICTIMS = ("planner", HOST, "signer", "distributor", "evidence", "gateway", POSTGRES, NATS)
IMPORT_VICTIMS = ("evidence", READER, "gateway", POSTGRES)

_STORIES = {Story.EXPORT: 10, Story.CANCEL: 3, Story.RETRY: 3, Story.MEND: 1, Story.PAIR: 2, Story.IMPORT: 4}
_ACTIONS = {Action.KILL: 6, Action.STOP: 3, Action.RESTART: 1}
_COUNTS = {1: 5, 2: 3, 3: 1}
_MOMENTS: Mapping[type[Moment], int] = {AtPoint: 6, AtStage: 2, After: 2}
# One stop in so many outlasts the time after which the bus gives the work to somebody else.
_LONG_STOP = 12


def schedule(seed: int) -> Schedule:
    """Return the schedule of a seed."""
    draw = random.Random(f"chaos {seed}")
    story = _choose(draw, _STORIES)
    profile = "evidence" if story is Story.IMPORT else draw.choice(PROFILES)
    faults: list[Fault] = []
    for _ in range(_choose(draw, _COUNTS)):
        fault = _fault(draw, story, profile)
        # One order for each point: two would be in each other's way.
        if all(_place(fault.moment) != _place(other.moment) for other in faults if _place(other.moment)):
            faults.append(fault)
    cancel: Moment | None = None
    if story in (Story.CANCEL, Story.RETRY):
        stages = draw.random() < 0.6
        cancel = AtStage(draw.choice(STAGES[2:])) if stages else After(round(draw.uniform(0, 1.5), 2))
    return Schedule(seed, story, profile, tuple(faults), cancel)


def _choose(draw: random.Random, weights: Mapping[Choice, int]) -> Choice:
    return draw.choices(list(weights), list(weights.values()))[0]


def _place(moment: Moment) -> tuple[str, str] | None:
    return (moment.service, moment.point) if isinstance(moment, AtPoint) else None


def _fault(draw: random.Random, story: Story, profile: str) -> Fault:
    action = _choose(draw, _ACTIONS)
    seconds = 0.0
    if action is Action.STOP:
        is_long = draw.randrange(_LONG_STOP) == 0
        seconds = round(draw.uniform(7, 8) if is_long else draw.uniform(0.2, 2.5), 1)
    moment = _moment(draw, story, profile)
    victims = IMPORT_VICTIMS if story is Story.IMPORT else EXPORT_VICTIMS
    victim = draw.choice(victims)
    # Mostly it is the one that is at the point; else that one is held there while another is disturbed.
    if isinstance(moment, AtPoint) and draw.random() < 0.7:
        victim = moment.service
    return Fault(victim, action, moment, seconds)


def _moment(draw: random.Random, story: Story, profile: str) -> Moment:
    kind = _choose(draw, _MOMENTS)
    if kind is AtStage and story is not Story.IMPORT:
        return AtStage(draw.choice(STAGES[1:]))
    if kind is After:
        return After(round(draw.uniform(0, 1.5), 2))
    service, point, most = draw.choice(_points(story, profile))
    return AtPoint(service, point, draw.randint(1, most))


def _points(story: Story, profile: str) -> list[tuple[str, str, int]]:
    """Return the points that a story passes: frames are taken over as they are, or packed anew."""
    if story is Story.IMPORT:
        return list(IMPORT_POINTS)
    missed = _OF_PACKED if profile == AS_IT_IS else _OF_TAKEN_OVER
    return [place for place in (*EXPORT_POINTS, *MORE_POINTS.get(story, ())) if place[1] not in missed]
