"""Numbers for people have a unit and no more digits than help."""

from __future__ import annotations

import pytest

from cli.stella.show import numbers


@pytest.mark.parametrize(
    ("number", "expected"),
    [
        (0, "0 B"), (812, "812 B"), (1024, "1.0 KiB"), (1536, "1.5 KiB"), (5 << 20, "5.0 MiB"),
        (3 << 50, "3,072.0 TiB"),
    ],
)  # fmt: skip
def test_sizes(number: int, expected: str) -> None:
    assert expected == numbers.size(number)


@pytest.mark.parametrize(
    ("seconds", "expected"),
    [
        (0.0, "0 ms"), (0.35, "350 ms"), (4.23, "4.2 s"), (48.4, "48 s"), (59.6, "1 min 00 s"),
        (125, "2 min 05 s"), (11_220, "3 h 07 min"),
    ],
)  # fmt: skip
def test_durations(seconds: float, expected: str) -> None:
    assert expected == numbers.duration(seconds)


def test_a_rate_over_no_time_is_none() -> None:
    assert (numbers.rate(5, 0), numbers.count_rate(5, 0, "records")) == ("0 B/s", "0 records/s")


def test_one_is_singular() -> None:
    assert (numbers.plural(1, "record"), numbers.plural(2000, "record")) == ("1 record", "2,000 records")
