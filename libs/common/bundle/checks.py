"""Says what a check of a bundle is and what all checks together mean."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum

from libs.common.bundle.faults import shown

MAX_VALUE_CHARACTERS = 512  # hostile bundles state what they like; so much tells it from what is right


class Outcome(StrEnum):
    """What came of a check; a check that could not be made has not passed."""

    PASSED = "passed"
    FAILED = "failed"
    NOT_RUN = "not-run"


@dataclass(frozen=True, slots=True)
class Check:
    """One comparison: what was looked at, what it should be, what it is."""

    name: str
    target: str
    expected: str
    found: str
    outcome: Outcome
    detail: str = ""


def compared(name: str, target: str, expected: object, found: object) -> Check:
    """Return a check that passed when both are equal."""
    wanted, got = shown(expected, MAX_VALUE_CHARACTERS), shown(found, MAX_VALUE_CHARACTERS)
    if expected == found:
        return Check(name, target, wanted, got, Outcome.PASSED)
    return Check(name, target, wanted, got, Outcome.FAILED, f"{target}: {name} is {got}, not {wanted}")


def passed(name: str, target: str, found: str = "") -> Check:
    """Return a check that passed."""
    return Check(name, target, "", found, Outcome.PASSED)


def failed(name: str, target: str, reason: str, expected: str = "", found: str = "") -> Check:
    """Return a check that failed for `reason`."""
    return Check(name, target, expected, found, Outcome.FAILED, f"{target}: {reason}")


def not_run(name: str, target: str, reason: str) -> Check:
    """Return a check that could not be made for `reason`."""
    return Check(name, target, "", "", Outcome.NOT_RUN, f"{target}: {reason}")


def verdict(checks: Iterable[Check]) -> Outcome:
    """Return failed when any failed, else not-run when any was not run or none was made, else passed."""
    outcomes = {check.outcome for check in checks}
    if Outcome.FAILED in outcomes:
        return Outcome.FAILED
    return Outcome.PASSED if outcomes == {Outcome.PASSED} else Outcome.NOT_RUN
