"""The state of one delivery, and what may happen to it: pure.

Invariants: a later attempt of the run replaces an earlier one and never the other way round; what has
succeeded in an attempt stays so, however often its work is delivered again.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum


class State(StrEnum):
    """How a delivery stands."""

    RUNNING = "running"
    SUCCEEDED = "succeeded"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class Fault:
    """Why a delivery failed."""

    code: str
    message: str
    cure: str


@dataclass(frozen=True, slots=True)
class Outcome:
    """What was delivered, and where it can be had."""

    digest: str
    size: int
    reference: str


@dataclass(frozen=True, slots=True)
class Target:
    """One target of one run; `attempt` is that of the run, `attempts` counts deliveries begun here.

    `layout` is the digest of what the delivery relies on; once `removed`, nobody keeps that any more.
    """

    run: str
    target: str
    driver: str
    state: State
    attempt: int
    attempts: int
    outcome: Outcome | None
    fault: Fault | None
    created: datetime
    updated: datetime
    layout: str = ""
    removed: bool = False


@dataclass(frozen=True, slots=True)
class Order:
    """What the work asks for."""

    run: str
    attempt: int
    target: str
    driver: str


def is_late(found: Target | None, order: Order) -> bool:
    """Say whether nobody waits for this one: a later attempt has begun, or the run's bundle was removed."""
    return found is not None and (found.removed or found.attempt > order.attempt)


def is_done(found: Target | None, order: Order) -> bool:
    """Say whether this very attempt has succeeded before."""
    return found is not None and found.attempt == order.attempt and found.state is State.SUCCEEDED


def begin(found: Target | None, order: Order, now: datetime, layout: str = "") -> Target:
    """Return the target as it is while the order is carried out, from what `layout` names if anything."""
    if found is None:
        return Target(
            order.run,
            order.target,
            order.driver,
            State.RUNNING,
            order.attempt,
            1,
            None,
            None,
            now,
            now,
            layout,
        )
    return replace(
        found,
        driver=order.driver,
        state=State.RUNNING,
        attempt=order.attempt,
        attempts=found.attempts + 1,
        outcome=None,
        fault=None,
        updated=now,
        layout=layout,
    )


def succeed(target: Target, outcome: Outcome, now: datetime) -> Target:
    """Return the target after a delivery."""
    return replace(target, state=State.SUCCEEDED, outcome=outcome, fault=None, updated=now)


def fail(target: Target, fault: Fault, now: datetime) -> Target:
    """Return the target after a failure."""
    return replace(target, state=State.FAILED, outcome=None, fault=fault, updated=now)
