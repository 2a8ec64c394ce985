"""Rules of reading the JSON files of a bundle within limits."""

from __future__ import annotations

import pytest

from libs.common.bundle.faults import BadForm
from libs.common.bundle.strict_json import MAX_JSON_BYTES, MAX_JSON_VALUES, from_base64, read_json


def test_more_values_than_the_limit_are_refused_unread() -> None:
    raw = b"[" + b"0," * MAX_JSON_VALUES + b"0]"
    with pytest.raises(BadForm, match=f"more than {MAX_JSON_VALUES} values"):
        read_json(raw, MAX_JSON_BYTES)


def test_commas_and_brackets_in_texts_are_no_values() -> None:
    text = "," * MAX_JSON_VALUES + '[{\\"'
    assert read_json(b'["' + text.encode() + b'"]', MAX_JSON_BYTES) == [text.replace('\\"', '"')]


@pytest.mark.parametrize(
    "text", ["AA", "AAA", "AA==AA==", "AB==", "AAB=", "A A=", "AA=A", "=", "AAAA====", "-_==", "é==="]
)
def test_base64_has_one_spelling(text: str) -> None:
    with pytest.raises(BadForm):
        from_base64(text, "$")


@pytest.mark.parametrize(
    ("text", "data"), [("", b""), ("AA==", b"\0"), ("AAA=", b"\0\0"), ("AAAA", bytes(3))]
)
def test_canonical_base64_is_read(text: str, data: bytes) -> None:
    assert from_base64(text, "$") == data
