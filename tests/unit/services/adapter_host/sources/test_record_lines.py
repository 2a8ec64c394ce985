"""Records are joined from batches split anywhere, and a stream that is no stream of records is refused."""

from __future__ import annotations

import pytest

from libs.common.canon.decode import MAX_RECORD_BYTES
from libs.common.errors import EvidenceCorrupt
from services.adapter_host.evidence import KeyRange
from services.adapter_host.sources.record_lines import RecordLines

RANGE = KeyRange("sbom", "one", b"b", b"y")


def source(key: str) -> bytes:
    return b'{"digest":"","key":"%s","uri":""}\n' % key.encode()


def test_whole_batches_give_their_records() -> None:
    lines = RecordLines(RANGE)
    records = list(lines.take(b"1\n2\n", source("b") + source("c")))
    lines.end()
    assert [(record.key, record.document, record.source + b"\n") for record in records] == [
        (b"b", b"1", source("b")),
        (b"c", b"2", source("c")),
    ]


@pytest.mark.parametrize(
    "batches",
    [
        [(b"12", b""), (b"34", b""), (b"5\n", source("b"))],
        [(b"12", source("b")), (b"345\n", b"")],
        [(b"12345", source("b")), (b"\n", b"")],
    ],
)
def test_a_record_in_chunks_is_joined_wherever_its_source_comes(batches: list[tuple[bytes, bytes]]) -> None:
    lines = RecordLines(RANGE)
    records = [record for documents, sources in batches for record in lines.take(documents, sources)]
    lines.end()
    assert [(record.key, record.document) for record in records] == [(b"b", b"12345")]


@pytest.mark.parametrize(
    ("documents", "sources", "reason"),
    [
        (b"1\n2\n", source("c") + source("c"), "follows"),
        (b"1\n", source("a"), "outside"),
        (b"1\n", source("y"), "outside"),
        (b"1\n", b'{"key":"c"}\n', "cannot be read"),
        (b"\n", source("c"), "lacks"),
        (b"1\n", source(""), "lacks"),
        (b"1\n2\n3\n", source("c"), "as many"),
        (b"1\n", source("c") + source("d") + source("e"), "as many"),
        (b"1" * (MAX_RECORD_BYTES + 1), b"", "larger"),
        (b"", b"1" * 70_000, "larger"),
    ],
)
def test_what_is_no_stream_of_records_is_refused(documents: bytes, sources: bytes, reason: str) -> None:
    with pytest.raises(EvidenceCorrupt, match=reason):
        list(RecordLines(RANGE).take(documents, sources))


@pytest.mark.parametrize(("documents", "sources"), [(b"1", b""), (b"1\n", b""), (b"", source("c"))])
def test_a_stream_that_ends_within_a_record_is_refused(documents: bytes, sources: bytes) -> None:
    lines = RecordLines(RANGE)
    list(lines.take(documents, sources))
    with pytest.raises(EvidenceCorrupt, match="ends within"):
        lines.end()


def test_after_an_interruption_the_rest_of_a_record_is_forgotten() -> None:
    lines = RecordLines(RANGE)
    list(lines.take(b"1\n2", source("c")))
    lines.forget_rest()
    records = list(lines.take(b"345\n", source("d")))
    lines.end()
    assert (records[0].document, lines.last_key) == (b"345", b"d")
