"""Rules of counting lines."""

from __future__ import annotations

import pytest

from libs.common.bundle.records import LEAP_BYTES, count_lines

LONG = (b"x" * 3 * LEAP_BYTES + b"\n") * 5


@pytest.mark.parametrize(
    "plain", [b"", b"\n", b"a\nb", b"\n" * 5000, LONG, LONG + b"\n" * 900, b"\n" * 9 + LONG]
)
@pytest.mark.parametrize("expected", [-1, 0, 1, 5, 10**6])
def test_lines_are_counted_right_whatever_was_expected(plain: bytes, expected: int) -> None:
    assert count_lines(plain, expected) == plain.count(b"\n")
