"""Entries with `*` mean what the regular expression would, and the quick look never misses a match."""

from __future__ import annotations

import re

from hypothesis import given
from hypothesis import strategies as st

from libs.common.canon.encode import encode
from services.adapter_host.adapters.json_raw.patterns import Patterns

TEXTS = st.text(alphabet='ab"\\é*\n', max_size=12)


@given(TEXTS, TEXTS)
def test_an_entry_matches_what_its_regular_expression_does(entry: str, text: str) -> None:
    expression = ".*".join(re.escape(piece) for piece in entry.split("*"))
    assert Patterns([entry]).match(text) == bool(re.fullmatch(expression, text, re.DOTALL))


@given(st.lists(TEXTS, max_size=4), TEXTS)
def test_a_match_is_never_ruled_out_beforehand(entries: list[str], text: str) -> None:
    patterns = Patterns(entries)
    if patterns.match(text):
        assert patterns.may_match_in(encode({"name": [text]}))
