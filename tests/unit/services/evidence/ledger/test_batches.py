"""Batches of a stream: about 1 MiB each, nothing lost, a large record alone and in pieces."""

from __future__ import annotations

import pytest

from services.evidence.ledger.batches import BATCH_BYTES, Batch, batches


@pytest.mark.parametrize(
    "sizes",
    [
        [],
        [0],
        [10] * 5,
        [BATCH_BYTES // 3] * 10,
        [BATCH_BYTES],
        [10, 3 * BATCH_BYTES, 10],
        [BATCH_BYTES - 1] * 3,
        [2 * BATCH_BYTES - 1, 2 * BATCH_BYTES],
    ],
)
def test_what_is_cut_is_all_there(sizes: list[int]) -> None:
    lines = [(b"d" * size, b"s%d" % number) for number, size in enumerate(sizes)]
    found = list(batches(lines))
    assert b"".join(batch.documents for batch in found) == b"".join(line[0] + b"\n" for line in lines)
    assert b"".join(batch.sources for batch in found) == b"".join(line[1] + b"\n" for line in lines)
    assert sum(batch.records for batch in found) == len(lines)
    assert all(len(batch.documents) <= BATCH_BYTES for batch in found)


def test_a_whole_batch_has_as_many_documents_as_sources() -> None:
    for batch in batches([(b"d" * 1000, b"s")] * 5000):
        assert batch.documents.count(b"\n") == batch.sources.count(b"\n") == batch.records


def test_a_large_record_is_alone_and_says_where_it_goes_on() -> None:
    found = list(batches([(b"a", b"1"), (b"x" * (2 * BATCH_BYTES), b"2"), (b"b", b"3")]))
    assert [(batch.records, batch.partial) for batch in found] == [
        (1, False),
        (0, True),
        (0, True),
        (1, False),
        (1, False),
    ]
    assert found[0] == Batch(b"a\n", b"1\n", 1)
    assert found[3].sources == b"2\n"
