"""Sorting on disk gives what sorting in memory gives, however the records are cut into runs."""

from __future__ import annotations

import random
import tempfile
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st

from services.evidence.importing import runs
from services.evidence.importing.documents import ImportedRecord
from services.evidence.importing.runs import Place, pack
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
        source_line=st.binary(max_size=5),
        stated=st.just(5),
        document=st.one_of(st.binary(max_size=40), st.just(bytes(runs.BLOCK_BYTES + 1))),
    ),
    max_size=60,
)


def sorted_on_disk(records: list[ImportedRecord], run_records: int) -> list[ImportedRecord]:
    with tempfile.TemporaryDirectory() as folder:
        sorter = Sorter(Path(folder))
        for start in range(0, len(records), run_records):
            run = sorted(records[start : start + run_records])
            sorter.add(Place(*run[0][:3]), Place(*run[-1][:3]), pack(run))
        return list(sorter.sorted())


@settings(max_examples=60, deadline=None)
@given(RECORDS, st.sampled_from([1, 2, 7, 1000]))
def test_the_order_is_that_of_the_heads(records: list[ImportedRecord], run_records: int) -> None:
    found = sorted_on_disk(records, run_records)
    assert sorted(found) == sorted(records)
    assert [record[:9] for record in found] == sorted(record[:9] for record in records)


def numbered(number: int) -> ImportedRecord:
    return ImportedRecord("vex", "s", b"%06d" % number, "", "", b"", "", b"", None, bytes(number % 7))


def test_more_runs_than_can_be_open_at_once_are_merged_in_groups() -> None:
    count = MAX_FAN_IN * 20
    records = [numbered(number) for number in range(count)]
    shuffled = random.Random(1).sample(records, count)
    assert sorted_on_disk(shuffled, 7) == records


def test_runs_that_follow_one_another_are_never_merged_before_their_turn() -> None:
    with tempfile.TemporaryDirectory() as folder:
        sorter = Sorter(Path(folder))
        for number in range(MAX_FAN_IN * 2):
            record = numbered(number)
            sorter.add(Place(*record[:3]), Place(*record[:3]), pack([record]))
        assert len(list(sorter.sorted())) == MAX_FAN_IN * 2
        assert sorted(path.name for path in Path(folder).iterdir()) == sorted(
            f"run-{number}" for number in range(1, MAX_FAN_IN * 2 + 1)
        )
