"""Which bytes a request gets."""

from __future__ import annotations

import pytest

from libs.common.errors import RangeNotSatisfiable, TooManyRanges
from services.distributor.ranges import MAX_RANGES, Span, Verdict, if_range_holds, precondition, wanted_spans

TAG = '"sha256:aa"'


@pytest.mark.parametrize(
    ("header", "expected"),
    [
        ("bytes=0-99", [Span(0, 100)]),
        ("bytes=0-0", [Span(0, 1)]),
        ("bytes=900-", [Span(900, 100)]),
        ("bytes=-1", [Span(999, 1)]),
        ("bytes=-5000", [Span(0, 1000)]),
        ("bytes=990-5000", [Span(990, 10)]),
        ("BYTES=1-2", [Span(1, 2)]),
        ("bytes=0-1, 10-11 ,-2", [Span(0, 2), Span(10, 2), Span(998, 2)]),
        ("bytes=10-11,0-1", [Span(10, 2), Span(0, 2)]),
        ("bytes=,0-1,", [Span(0, 2)]),
        ("bytes=0-1,5000-", [Span(0, 2)]),
    ],
)
def test_a_range_is_cut_to_the_size_and_keeps_its_order(header: str, expected: list[Span]) -> None:
    assert list(wanted_spans(header, 1000)) == expected


@pytest.mark.parametrize(
    "header",
    [
        None,
        "lines=0-1",
        "bytes",
        "bytes=",
        "bytes=a-b",
        "bytes=5-1",
        "bytes=--1",
        "bytes=1",
        "bytes=0-1;2-3",
        "bytes=0-1,x",
        "bytes=+1-2",
        f"bytes=0-{'9' * 19}",
        "bytes=٠-٩",  # noqa: RUF001 - digits, but not those of the standard
    ],
)
def test_a_header_of_another_form_is_passed_over(header: str | None) -> None:
    assert wanted_spans(header, 1000) == ()


def test_ranges_that_want_more_than_there_is_give_the_whole() -> None:
    assert wanted_spans("bytes=0-,0-", 1000) == ()


@pytest.mark.parametrize("header", ["bytes=1000-", "bytes=1000-2000", "bytes=-0", "bytes=1000-,2000-"])
def test_a_range_behind_the_end_cannot_be_satisfied(header: str) -> None:
    with pytest.raises(RangeNotSatisfiable, match="1000 bytes"):
        wanted_spans(header, 1000)


def test_nothing_of_nothing_can_be_satisfied() -> None:
    with pytest.raises(RangeNotSatisfiable):
        wanted_spans("bytes=0-", 0)


def test_more_ranges_than_the_limit_are_refused() -> None:
    allowed = ",".join(f"{number}-{number}" for number in range(MAX_RANGES))
    assert len(wanted_spans(f"bytes={allowed}", 1000)) == MAX_RANGES
    with pytest.raises(TooManyRanges):
        wanted_spans(f"bytes={allowed},99-99", 1000)


@pytest.mark.parametrize(
    ("if_match", "if_none_match", "expected"),
    [
        (None, None, Verdict.SEND),
        (TAG, None, Verdict.SEND),
        ("*", None, Verdict.SEND),
        (f'"other", {TAG}', None, Verdict.SEND),
        ('"other"', None, Verdict.CHANGED),
        (f"W/{TAG}", None, Verdict.CHANGED),
        (None, TAG, Verdict.NOT_MODIFIED),
        (None, f"W/{TAG}", Verdict.NOT_MODIFIED),
        (None, "*", Verdict.NOT_MODIFIED),
        (None, '"other"', Verdict.SEND),
        ('"other"', TAG, Verdict.CHANGED),
    ],
)
def test_preconditions_compare_entity_tags(
    if_match: str | None, if_none_match: str | None, expected: Verdict
) -> None:
    assert precondition(if_match, if_none_match, TAG) is expected


@pytest.mark.parametrize(
    ("header", "expected"),
    [
        (None, True),
        (TAG, True),
        (f"W/{TAG}", False),
        ('"other"', False),
        ("Wed, 21 Oct 2015 07:28:00 GMT", False),
    ],
)
def test_a_range_is_served_to_whoever_has_a_part_of_this(header: str | None, expected: bool) -> None:
    assert if_range_holds(header, TAG) is expected
