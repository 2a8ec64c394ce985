"""States how lines become plain bytes and back."""

import pytest

from libs.common.digests import sha256_digest
from libs.common.segments.plain import (
    BadLines,
    join_lines,
    plain_digest,
    plain_documents,
    plain_sources,
    split_lines,
)
from tests.kit.records import made_record

RECORDS = [made_record("a"), made_record("b", 2)]


def test_every_document_ends_with_a_newline() -> None:
    assert plain_documents(RECORDS) == b'{"id":"a","text":"","version":0}\n{"id":"b","text":"","version":2}\n'


def test_sources_stand_in_the_same_order() -> None:
    assert plain_sources(RECORDS) == b'{"key":"a"}\n{"key":"b"}\n'


def test_digest_is_that_of_the_documents() -> None:
    assert plain_digest(RECORDS) == sha256_digest(plain_documents(RECORDS))


@pytest.mark.parametrize("lines", [[], [b""], [b"a"], [b"a", b"", b"b"], [b"\r", "\u2028".encode()]])
def test_lines_come_back_as_they_went(lines: list[bytes]) -> None:
    assert split_lines(join_lines(lines)) == lines


def test_missing_last_newline_is_refused() -> None:
    with pytest.raises(BadLines, match="cut short"):
        split_lines(b"a\nb")
