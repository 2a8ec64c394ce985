"""States what the writer takes and how it spells it, one rule a test."""

from enum import IntEnum, StrEnum

import pytest

from libs.common.canon.decode import MAX_DEPTH
from libs.common.canon.encode import Unencodable, encode


class Severity(StrEnum):
    HIGH = "high"


class Level(IntEnum):
    TWO = 2


def repr_of_bits(integer: int) -> str:
    return f"{integer.bit_length()}-bits"


def test_names_are_sorted_and_nothing_is_spaced() -> None:
    assert encode({"b": [1, None, True], "a": "x"}) == b'{"a":"x","b":[1,null,true]}'


def test_whole_floats_lose_their_point() -> None:
    assert encode([9.0, -0.0, 1e15, 1e16, 1e20, 1e21]) == (
        b"[9,0,1000000000000000,10000000000000000,100000000000000000000,1e+21]"
    )


def test_small_floats_are_spelt_as_ecmascript_does() -> None:
    assert encode([1e-5, 1e-6, 1e-7, 0.00043]) == b"[0.00001,0.000001,1e-7,0.00043]"


def test_text_is_escaped_only_where_it_must_be() -> None:
    assert encode('\x00\x1f\b\t\n\f\r"\\/\x7fé\u2028<') == (
        b'"\\u0000\\u001f\\b\\t\\n\\f\\r\\"\\\\/\x7f\xc3\xa9\xe2\x80\xa8<"'
    )


def test_names_beyond_the_basic_plane_sort_before_private_use() -> None:
    assert encode({"\ue000": 1, "\U0001f600": 2}) == '{"\U0001f600":2,"\ue000":1}'.encode()


def test_tuples_and_enumerations_are_written_as_what_they_hold() -> None:
    assert encode({"a": (1, Severity.HIGH), "b": Level.TWO}) == b'{"a":[1,"high"],"b":2}'


def test_large_integer_that_a_double_carries_is_written() -> None:
    assert encode({"n": [2**53, (10**20,)]}) == b'{"n":[9007199254740992,[100000000000000000000]]}'


@pytest.mark.parametrize("integer", [2**53 + 1, 2**64, 10**400, -(10**5000)], ids=repr_of_bits)
def test_integer_that_a_double_would_change_is_refused(integer: int) -> None:
    with pytest.raises(Unencodable, match="Write it as text"):
        encode([integer])


@pytest.mark.parametrize("value", [b"x", {1}, object(), {"a": {"b": 1j}}])
def test_what_is_no_json_type_is_refused(value: object) -> None:
    with pytest.raises(Unencodable, match="no JSON type"):
        encode(value)


def test_member_name_that_is_no_text_is_refused() -> None:
    with pytest.raises(Unencodable, match="member name 1 "):
        encode({1: 2})


@pytest.mark.parametrize("value", ["\ud800", {"\udc00": 1}, ["\udc00\ud800"]])
def test_half_of_a_surrogate_pair_is_refused(value: object) -> None:
    with pytest.raises(Unencodable, match="surrogate"):
        encode(value)


def test_deepest_allowed_nesting_is_written_and_one_more_refused() -> None:
    value: object = 1.0
    for _ in range(MAX_DEPTH):
        value = [value]
    assert encode(value) == b"[" * MAX_DEPTH + b"1" + b"]" * MAX_DEPTH
    with pytest.raises(Unencodable, match="deeper"):
        encode([value])


def test_value_that_holds_itself_is_refused() -> None:
    value: list[object] = []
    value.append(value)
    with pytest.raises(Unencodable, match="deeper"):
        encode(value)
