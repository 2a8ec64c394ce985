"""Source lines are canonical JSON, whatever their texts hold."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from libs.common.canon.encode import encode
from services.evidence.importing.documents import write_source_line

TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=40)


@given(TEXT, TEXT, TEXT)
def test_a_source_line_is_what_the_canonical_writer_makes_of_it(digest: str, key: str, uri: str) -> None:
    assert write_source_line(digest, key, uri) == encode({"digest": digest, "key": key, "uri": uri})
