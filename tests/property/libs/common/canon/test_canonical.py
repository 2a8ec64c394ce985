"""States what holds for every record: the fast way, the strict reader and the reference writer agree."""

import json
import random
from decimal import Decimal

import orjson
import pytest
import rfc8785
from hypothesis import given
from hypothesis import strategies as st

from libs.common.canon.canonical import _canonical_strictly, canonical
from libs.common.canon.decode import MAX_SAFE_INTEGER, Reason, Rejected, number
from libs.common.canon.encode import encode, is_plain_float
from tests.kit.json_texts import record

texts = st.text(st.characters(codec="utf-8"))
names = st.one_of(texts, st.text(st.sampled_from('aZ\x00\ue000\uffff\U0001f600\U0010ffff"\\'), max_size=4))
finite = st.floats(allow_nan=False, allow_infinity=False)
safe_integers = st.integers(-MAX_SAFE_INTEGER, MAX_SAFE_INTEGER)
scalars = st.one_of(st.none(), st.booleans(), safe_integers, finite, texts)
values = st.recursive(
    scalars, lambda inner: st.one_of(st.lists(inner), st.dictionaries(names, inner)), max_leaves=30
)
spellings = st.fixed_dictionaries({"ensure_ascii": st.booleans(), "indent": st.sampled_from([None, 0, 2])})


def outcome(raw: bytes, *, strictly: bool) -> tuple[str, ...]:
    try:
        written, value = _canonical_strictly(raw) if strictly else canonical(raw)
    except Rejected as rejected:
        return rejected.reason, rejected.detail
    return written.decode(), repr(value)


@given(values, spellings)
def test_canonical_bytes_are_those_of_the_reference_writer(value: object, spelling: dict[str, bool]) -> None:
    raw = json.dumps(value, **spelling).encode()  # type: ignore[arg-type] # mixed option types
    assert rfc8785.dumps(value) == canonical(raw)[0]  # type: ignore[arg-type] # JSON by construction


@given(values)
def test_writer_gives_the_bytes_of_the_reference_writer(value: object) -> None:
    assert rfc8785.dumps(value) == encode(value)  # type: ignore[arg-type] # JSON by construction


@given(values)
def test_canonical_form_is_its_own_canonical_form(value: object) -> None:
    written = encode(value)
    again, read = canonical(written)
    assert (written, value) == (again, read)


@given(
    st.one_of(finite, st.builds(lambda exponent, part: part * 10.0**exponent, st.integers(-9, 17), finite))
)
def test_plain_float_is_spelt_natively_as_the_reference_does(double: float) -> None:
    if is_plain_float(double):
        assert orjson.dumps(double) == rfc8785.dumps(double)


@given(st.decimals(allow_nan=False, allow_infinity=False).map(lambda decimal: f"{decimal:E}"))
def test_number_is_taken_exactly_when_its_shortest_spelling_is_the_same_number(literal: str) -> None:
    try:
        taken = number(literal)
    except Rejected:
        assert abs(float(literal)) == float("inf") or Decimal(repr(float(literal))) != Decimal(literal)
    else:
        assert Decimal(encode(taken).decode()) == Decimal(literal)


@given(st.randoms(use_true_random=False))
def test_fast_and_strict_way_agree_on_any_spelling(source: random.Random) -> None:
    raw = record(source)
    assert outcome(raw, strictly=True) == outcome(raw, strictly=False)


@given(st.randoms(use_true_random=False), st.data())
def test_fast_and_strict_way_agree_after_any_damage(source: random.Random, data: st.DataObject) -> None:
    raw = record(source)
    at = data.draw(st.integers(0, len(raw)))
    damage = data.draw(
        st.one_of(st.binary(max_size=3), st.sampled_from([b'"', b"\\", b"}", b"[", b",", b"\xf0", b"0"]))
    )
    damaged = raw[:at] + damage + raw[at + data.draw(st.integers(0, 3)) :]
    assert outcome(damaged, strictly=True) == outcome(damaged, strictly=False)


@given(st.dictionaries(names, scalars, min_size=1), scalars, st.booleans())
def test_duplicate_member_never_passes(members: dict[str, object], other: object, escaped: bool) -> None:
    name = next(iter(members))
    spelt = "".join(f"\\u{ord(c):04x}" if escaped and ord(c) < 0x80 else json.dumps(c)[1:-1] for c in name)
    raw = f'[{json.dumps(members)[:-1]},"{spelt}":{json.dumps(other)}}}]'
    with pytest.raises(Rejected) as caught:
        canonical(raw.encode())
    assert caught.value.reason == Reason.DUPLICATE_MEMBER
