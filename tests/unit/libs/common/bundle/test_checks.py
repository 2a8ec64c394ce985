"""What checks mean together."""

from __future__ import annotations

import pytest

from libs.common.bundle.checks import Check, Outcome, compared, failed, not_run, passed, verdict

GOOD, BAD, OPEN = passed("a", "t"), failed("b", "t", "broken"), not_run("c", "t", "no key")


@pytest.mark.parametrize(
    ("checks", "outcome"),
    [
        ([GOOD], Outcome.PASSED),
        ([GOOD, BAD, OPEN], Outcome.FAILED),
        ([GOOD, OPEN], Outcome.NOT_RUN),
        ([OPEN], Outcome.NOT_RUN),
        ([], Outcome.NOT_RUN),
    ],
)
def test_only_passed_checks_make_a_bundle_pass(checks: list[Check], outcome: Outcome) -> None:
    assert verdict(checks) is outcome


def test_a_difference_names_target_and_both_values() -> None:
    check = compared("size", "README.md", 5, 6)
    assert (check.outcome, check.detail) == (Outcome.FAILED, "README.md: size is 6, not 5")


def test_hostile_values_are_escaped_and_cut() -> None:
    check = compared("subject", "provenance.json", "x", "\x1b[2J\n" * 1000)
    assert (check.detail.isprintable(), len(check.detail) < 700) == (True, True)
