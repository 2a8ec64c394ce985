"""Stated times are read to the nanosecond; what says nothing does not count."""

from __future__ import annotations

import pytest

from services.adapter_host.adapters.json_raw.times import instant

SECOND = 1_000_000_000
NOON = 1_714_564_800 * SECOND  # 2024-05-01T12:00:00Z


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2024-05-01T12:00:00Z", NOON),
        ("2024-05-01 12:00:00", NOON),
        ("2024-05-01T12:00Z", NOON),
        ("2024-05-01T14:00:00+02:00", NOON),
        ("2024-05-01T12:00:00.5z", NOON + SECOND // 2),
        ("2024-05-01T12:00:00.123456789Z", NOON + 123_456_789),
        ("2024-05-01T12:00:00.1234567891Z", NOON + 123_456_789),
        ("2024-05-01", NOON - 12 * 3600 * SECOND),
        (" 2024-05-01T12:00:00Z ", NOON),
    ],
)
def test_a_time_is_read(text: str, expected: int) -> None:
    assert instant(text) == expected


@pytest.mark.parametrize(
    "value",
    [
        "",
        "yesterday",
        "2024-13-01",
        "2024-05-01T25:00:00Z",
        "0001-01-01T00:00:00Z",
        "1970-01-01",
        None,
        5,
        "9" * 50,
    ],
)
def test_what_is_no_time_or_a_zero_time_says_nothing(value: object) -> None:
    assert instant(value) is None
