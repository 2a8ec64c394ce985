"""States what a record must be like to be read, one rule a test."""

import pytest

from libs.common.canon.canonical import _bounded, canonical
from libs.common.canon.decode import (
    MAX_DEPTH,
    MAX_NUMBER_CHARACTERS,
    MAX_RECORD_BYTES,
    MAX_RECORD_VALUES,
    Reason,
    Rejected,
    number,
    read,
)


def fault(raw: bytes) -> tuple[str, str]:
    """Return reason and detail, having checked that the fast way gives the same."""
    with pytest.raises(Rejected) as slow:
        read(raw)
    with pytest.raises(Rejected) as fast:
        canonical(raw)
    assert (slow.value.reason, slow.value.detail) == (fast.value.reason, fast.value.detail)
    return slow.value.reason, slow.value.detail


@pytest.mark.parametrize(
    "raw",
    [
        b"<html>",
        b'{"a":1,}',
        b"[1,]",
        b"{'a':1}",
        b"{a:1}",
        b"[1 2]",
        b"[01]",
        b"01",
        b"[1.5.2]",
        b"[.5]",
        b"[+1]",
        b"[0x10]",
        b'"a\tb"',
        b'["\\x41"]',
        b'["\\u00"]',
        b"// note\n{}",
        b"\x0b{}",
        b"\x00",
        b"[1-",
        b"[1 tru",
    ],
)
def test_what_is_no_json_is_named_with_its_place(raw: bytes) -> None:
    reason, detail = fault(raw)
    assert reason == "not-json"
    assert "at byte" in detail


@pytest.mark.parametrize("raw", [b"{} {}", b'{"a":1}}', b"{}\x00", b"1 2", b'"a","b"', b"{}\n{}\n"])
def test_data_after_the_value_is_refused(raw: bytes) -> None:
    assert fault(raw)[0] == "trailing-data"


@pytest.mark.parametrize(
    "end",
    [
        b"",
        b"[",
        b"[1,",
        b'{"a',
        b'{"a"',
        b'{"a":',
        b"[tru",
        b"[-",
        b"[1.",
        b"[1e",
        b"[1.5e-",
        b'"\\',
        b'"\\u12',
    ],
)
def test_record_that_stops_in_the_middle_is_truncated(end: bytes) -> None:
    assert fault(end)[0] == "truncated"


def test_every_beginning_of_an_object_is_truncated() -> None:
    whole = '{"a": [1.5e-3, -0, true, false, null, {}], "é\\u00e9\\n": "x\\\\\\"😀"}'.encode()
    reasons = {fault(whole[:length])[0] for length in range(len(whole))}
    assert reasons == {"truncated"}


@pytest.mark.parametrize(
    "raw", [b'"\xff"', b'"\xc0\x80"', b'"\xed\xa0\x80"', b'"\xf4\x90\x80\x80"', b'{"\xe9":1}']
)
def test_bytes_that_are_not_utf_8_are_named(raw: bytes) -> None:
    reason, detail = fault(raw)
    assert reason == "invalid-utf8"
    assert "byte " in detail


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "utf-32-le"])
def test_byte_order_mark_is_refused(encoding: str) -> None:
    raw = "\ufeff{}".encode("utf-32-le") if encoding == "utf-32-le" else "{}".encode(encoding)
    assert fault(raw)[0] == "byte-order-mark"


@pytest.mark.parametrize(
    "raw",
    [
        b'{"a":1,"a":1}',
        b'{"a":1,"\\u0061":2}',
        b'[{"b":{"a":[],"x":0,"a":{"c":"d"}}}]',
        b'{ "\\u0022":1, "\\"":2 }',
        b'{"q":"\\u0022\\u0022","a":1,"a":2}',
        b'{"":0,"":0}',
    ],
)
def test_duplicate_member_is_refused(raw: bytes) -> None:
    assert fault(raw)[0] == "duplicate-member"


def test_duplicate_member_is_named() -> None:
    assert "'severity'" in fault(b'{"id":"x","severity":1,"severity":2}')[1]


@pytest.mark.parametrize(
    "literal",
    [
        "1e400",
        "-1e400",
        "1e-400",
        "9007199254740993",
        "18446744073709551616",
        "0.1234567890123456789",
        "333333333.33333329",
        "9" * 400,
        "1" * 100_000,
        "0." + "0" * 400,
        "1e" + "9" * 400,
    ],
)
def test_number_that_a_double_does_not_carry_is_refused(literal: str) -> None:
    assert fault(b'{"n":[' + literal.encode() + b"]}")[0] == "number-out-of-range"


def test_number_that_would_change_is_shown_with_what_it_would_become() -> None:
    detail = fault(b"[9007199254740993]")[1]
    assert "9007199254740993" in detail
    assert "9007199254740992" in detail


@pytest.mark.parametrize(
    ("literal", "expected"),
    [
        ("9.80", 9.8),
        ("1.10", 1.1),
        ("9.0", 9),
        ("-0", 0),
        ("-0.0", 0),
        ("0e9999", 0),
        ("1E2", 100),
        ("1e20", 1e20),
        ("100000000000000000000", 1e20),
        ("9007199254740991", 2**53 - 1),
        ("9007199254740992", 2.0**53),
        ("-9007199254740994.000", -9007199254740994.0),
        ("0.30000000000000004", 0.30000000000000004),
        ("5e-324", 5e-324),
        ("1" + "0" * 308, 1e308),
        ("0." + "0" * 323 + "5", 5e-324),
    ],
)
def test_number_that_a_double_carries_is_taken(literal: str, expected: float) -> None:
    taken = number(literal)
    assert (repr(expected), repr(expected)) == (repr(taken), repr(canonical(literal.encode())[1]))


def test_longest_number_without_needless_zeros_is_within_the_limit() -> None:
    assert len("-0." + "0" * 323 + "12345678901234567") < MAX_NUMBER_CHARACTERS


@pytest.mark.parametrize(
    "raw", [b'"\\ud800"', b'["\\udc00x"]', b'{"a\\uDFFF":1}', b'{"a":["\\ude00\\ud83d"]}']
)
def test_half_of_a_surrogate_pair_is_refused(raw: bytes) -> None:
    assert fault(raw)[0] == "lone-surrogate"


def test_whole_surrogate_pair_is_taken() -> None:
    assert read(b'"\\ud83d\\ude00"') == "\U0001f600"


@pytest.mark.parametrize("raw", [b"[NaN]", b'{"a":Infinity}', b"-Infinity"])
def test_what_is_not_a_number_is_refused(raw: bytes) -> None:
    assert fault(raw)[0] == "not-a-number"


@pytest.mark.parametrize(("opening", "closing"), [(b"[", b"]"), (b'{"a":', b"}"), (b'[{"]":', b"}]")])
def test_deepest_allowed_nesting_is_taken_and_one_more_refused(opening: bytes, closing: bytes) -> None:
    levels = MAX_DEPTH // len(closing)
    deepest = opening * levels + b"1" + closing * levels
    assert deepest == canonical(deepest)[0]
    assert deepest == canonical(b" " + deepest)[0]
    assert fault(b"[" + deepest + b"]")[0] == "too-deep"


@pytest.mark.parametrize("levels", [10_000, 1_000_000])
@pytest.mark.parametrize(("opening", "closing"), [(b"[", b""), (b'{"a":', b""), (b"[", b"]")])
def test_hostile_nesting_is_refused_without_recursion(opening: bytes, closing: bytes, levels: int) -> None:
    raw = opening * levels + closing * levels
    assert fault(raw)[0] == "too-deep"


def test_brackets_inside_text_do_not_nest() -> None:
    raw = b'["' + b"[{" * 1000 + b'\\\\\\"[' + b'",[]]'
    assert raw == canonical(raw)[0]


def test_record_beyond_the_size_limit_is_refused() -> None:
    reason, detail = fault(b'"' + b"x" * MAX_RECORD_BYTES + b'"')
    assert reason == "too-large"
    assert f"{MAX_RECORD_BYTES:,}" in detail


def test_record_of_very_many_tiny_values_is_refused() -> None:
    assert fault(b"[" + b"0," * MAX_RECORD_VALUES + b"0]")[0] == "too-large"


def test_record_whose_canonical_form_is_too_large_is_refused() -> None:
    with pytest.raises(Rejected) as caught:
        _bounded(b"1" * (MAX_RECORD_BYTES + 1))
    assert caught.value.reason == Reason.TOO_LARGE


def test_details_stay_short_however_long_the_fault() -> None:
    long = b"a" * 100_000
    for raw in (b'{"' + long + b'":1,"' + long + b'":2}', b"[" + b"1" * 100_000 + b"]", b"{}" + long):
        assert len(fault(raw)[1]) < 300


def test_reasons_are_those_that_the_ledger_knows() -> None:
    assert list(Reason) == [
        "not-json",
        "trailing-data",
        "truncated",
        "invalid-utf8",
        "byte-order-mark",
        "duplicate-member",
        "number-out-of-range",
        "lone-surrogate",
        "not-a-number",
        "too-deep",
        "too-large",
    ]
