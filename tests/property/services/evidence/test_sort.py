"""Sorting on disk gives what sorting in memory gives, however small the memory and whatever the order."""

from __future__ import annotations

import random
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st

from services.evidence.importing.documents import ImportedRecord
from services.evidence.importing.sort import MAX_FAN_IN, Sorter

RECORDS = st.lists(
    st.builds(
        ImportedRecord,
        kind=st.sampled_from(["advisory", "vex"]),
        source=st.sampled_from(["a", "b"]),
        key=st.binary(min_size=1, max_size=3),
        uri=st.text(max_size=3),
        digest=st.sampled_from(["", "sha256:1"]),
        content=st.sampled_from([b"", b"1"]),
        location=st.text(max_size=3),
        document=st.binary(max_size=40),
        source_line=st.binary(max_size=5),
        stated=st.just(5),
    ),
    max_size=60,
)


def sorted_on_disk(records: list[ImportedRecord], run_bytes: int) -> list[ImportedRecord]:
    with tempfile.TemporaryDirectory() as folder, ThreadPoolExecutor(1) as pool:
        sorter = Sorter(Path(folder), pool, run_bytes)
        for record in records:
            sorter.add(record)
        return list(sorter.sorted())


@settings(max_examples=60, deadline=None)
@given(RECORDS, st.sampled_from([1, 2000, 10_000, 1 << 30]))
def test_the_order_is_that_of_the_heads(records: list[ImportedRecord], run_bytes: int) -> None:
    found = sorted_on_disk(records, run_bytes)
    assert sorted(found) == sorted(records)
    assert [record[:7] for record in found] == sorted(record[:7] for record in records)


def test_full_levels_of_runs_become_one_run() -> None:
    count = MAX_FAN_IN * MAX_FAN_IN + 5
    records = [
        ImportedRecord("vex", "s", b"%06d" % number, "", "", b"", "", bytes(number % 7), b"", None)
        for number in range(count)
    ]
    shuffled = random.Random(1).sample(records, count)
    assert sorted_on_disk(shuffled, 1) == records
