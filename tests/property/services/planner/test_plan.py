"""The cut into shards over random datasets."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from services.planner.runs import plan
from services.planner.runs.evidence import Dataset
from services.planner.runs.plan import KeyRange, Part

PARTS = st.lists(
    st.tuples(st.binary(min_size=1, max_size=4), st.integers(0, 400)),
    min_size=1,
    max_size=12,
    unique_by=lambda part: part[0],
)
DATASETS = st.lists(PARTS, min_size=1, max_size=8)


def made(found: list[list[tuple[bytes, int]]]) -> list[tuple[Dataset, list[Part]]]:
    datasets = []
    for number, parts in enumerate(found):
        listed = [Part(key, size, b"%08d" % size) for key, size in sorted(parts)]
        total = sum(part.plain_bytes for part in listed)
        datasets.append((Dataset("vex", f"s{number}", 1, 1, total, "", ""), listed))
    return datasets


@settings(deadline=None)
@given(DATASETS, st.integers(1, 500))
def test_shards_cover_every_dataset_once_and_in_order(
    found: list[list[tuple[bytes, int]]], limit: int
) -> None:
    datasets = made(found)
    ranges: dict[str, list[KeyRange]] = {}
    for shard in plan.cut(datasets, limit):
        for part in shard.ranges:
            ranges.setdefault(part.source, []).append(part)
    assert list(ranges) == [dataset.source for dataset, _ in datasets]
    for covered in ranges.values():
        assert covered[0].start == b""
        assert covered[-1].end == b""
        assert [part.end for part in covered[:-1]] == [part.start for part in covered[1:]]


@settings(deadline=None)
@given(DATASETS, st.integers(1, 500))
def test_shards_begin_and_end_where_parts_do(found: list[list[tuple[bytes, int]]], limit: int) -> None:
    datasets = made(found)
    starts = {dataset.source: {part.first_key for part in parts} for dataset, parts in datasets}
    for shard in plan.cut(datasets, limit):
        for part in shard.ranges:
            assert {part.start, part.end} - {b""} <= starts[part.source]


@settings(deadline=None)
@given(DATASETS, st.integers(1, 500))
def test_no_fingerprint_is_lost(found: list[list[tuple[bytes, int]]], limit: int) -> None:
    datasets = made(found)
    joined = b"".join(part.fingerprints for _, parts in datasets for part in parts)
    assert b"".join(shard.fingerprints for shard in plan.cut(datasets, limit)) == joined
