"""A document that is read only where rules look shows them the same as one that is read whole."""

from __future__ import annotations

import json

from hypothesis import given
from hypothesis import strategies as st

from libs.common.canon.encode import encode
from services.adapter_host.adapters.json_raw.facts import IDS, NAMES, PACKAGES, TIMES, values_at
from services.adapter_host.adapters.json_raw.reading import reader_of

MEMBERS = sorted({step for path in (*IDS, *NAMES, *PACKAGES, *TIMES) for step in path} | {"other"})
LEAVES = st.none() | st.booleans() | st.integers(0, 9) | st.text("a*", max_size=3)
VALUES = st.recursive(
    LEAVES,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(MEMBERS), inner, max_size=4),
    max_leaves=20,
)
PLACES = st.lists(st.sampled_from([IDS, NAMES, PACKAGES, TIMES]), min_size=1).map(
    lambda tables: tuple(path for table in tables for path in table)
)


@given(VALUES, PLACES)
def test_what_stands_at_the_places_is_the_same(document: object, paths: tuple[tuple[str, ...], ...]) -> None:
    line = encode(document)
    assert list(values_at(reader_of(paths)(line), paths)) == list(values_at(json.loads(line), paths))
