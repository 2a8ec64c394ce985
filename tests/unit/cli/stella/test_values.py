"""What people write on a command line becomes what the contract takes."""

from __future__ import annotations

from datetime import timedelta

import click
import pytest

from cli.stella.values import DURATION, TIME, kind_name, kind_word


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        ("2024-05-06", "2024-05-06T00:00:00Z"),
        ("2024-05-06T07:08:09Z", "2024-05-06T07:08:09Z"),
        ("2024-05-06T07:08:09+02:00", "2024-05-06T05:08:09Z"),
    ],
)
def test_a_time_becomes_utc(written: str, expected: str) -> None:
    assert expected == TIME.convert(written, None, None)


@pytest.mark.parametrize("written", ["yesterday", "2024-13-01", ""])
def test_what_is_no_time_is_refused(written: str) -> None:
    with pytest.raises(click.BadParameter, match="2024-05-06"):
        TIME.convert(written, None, None)


def test_a_duration_has_a_unit() -> None:
    assert timedelta(days=30) == DURATION.convert("30d", None, None)
    with pytest.raises(click.BadParameter, match="15m"):
        DURATION.convert("30", None, None)


def test_kinds_are_words_here_and_names_there() -> None:
    assert (kind_name("vex"), kind_word("RECORD_KIND_VEX")) == ("RECORD_KIND_VEX", "vex")
