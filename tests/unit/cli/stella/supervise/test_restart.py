"""A process that keeps dying is started ever later."""

from __future__ import annotations

from cli.stella.supervise.restart import LONGEST_SECONDS, STEADY_SECONDS, Backoff


def test_waits_double_up_to_a_limit() -> None:
    backoff = Backoff()
    waits = [backoff.after(0.1) for _ in range(10)]
    assert waits[:4] == [0.25, 0.5, 1.0, 2.0]
    assert waits[-1] == LONGEST_SECONDS


def test_a_long_life_starts_the_count_again() -> None:
    backoff = Backoff()
    for _ in range(5):
        backoff.after(0.1)
    assert backoff.after(STEADY_SECONDS) == 0.25
