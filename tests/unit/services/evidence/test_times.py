"""Stated times: every spelling in use is read, and what says nothing does not count."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from services.evidence.times import instant_of, microseconds, newest, parse, text
from tests.kit.evidence import NOW


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("2024-05-01T10:00:00Z", datetime(2024, 5, 1, 10, tzinfo=UTC)),
        ("2024-05-01T10:00:00.5Z", datetime(2024, 5, 1, 10, 0, 0, 500000, tzinfo=UTC)),
        ("2024-05-01T10:00:00.123456789Z", datetime(2024, 5, 1, 10, 0, 0, 123456, tzinfo=UTC)),
        ("2024-05-01T10:00:00+02:00", datetime(2024, 5, 1, 8, tzinfo=UTC)),
        ("2024-05-01 10:00:00Z", datetime(2024, 5, 1, 10, tzinfo=UTC)),
        ("2024-05-01T10:00:00", datetime(2024, 5, 1, 10, tzinfo=UTC)),
        (" 2024-05-01 ", datetime(2024, 5, 1, tzinfo=UTC)),
        ("", None),
        ("soon", None),
        ("2024-13-01", None),
        ("2024-05-01T10:00:00Z" + " " * 100, None),
        ("0001-01-01T00:00:00+14:00", None),
        (1714557600, None),
        (None, None),
        (["2024-05-01"], None),
    ],
)
def test_a_time_is_read_in_every_spelling(value: object, expected: datetime | None) -> None:
    assert parse(value) == expected


@pytest.mark.parametrize(
    "values",
    [[], ["0001-01-01T00:00:00Z"], ["1970-01-01T00:00:00Z"], ["2999-01-01T00:00:00Z"], ["x", None]],
)
def test_zero_times_and_times_in_the_future_do_not_count(values: list[object]) -> None:
    assert newest(values, NOW) is None


def test_the_newest_time_that_counts_is_taken() -> None:
    found = newest(["2024-01-01", "2024-02-01", "2999-01-01", "0001-01-01"], NOW)
    assert found is not None
    assert text(instant_of(found)) == "2024-02-01T00:00:00.000000Z"


@pytest.mark.parametrize("value", [0, 1, 1714557600_123456, 253402300799_999999])
def test_microseconds_name_one_instant(value: int) -> None:
    assert microseconds(instant_of(value)) == value
