"""States what a diff tells and what it opens."""

import pytest

from libs.common.segments.cut import KeysOutOfOrder, Record, cut
from libs.common.segments.diff import Added, Listed, Removed, Updated, diff
from libs.common.segments.plain import plain_digest
from tests.kit.records import made_record

NAMES = [f"k{number:04d}" for number in range(200)]
OLD = [made_record(name) for name in NAMES]


def listed(records: list[Record]) -> list[Listed[list[Record]]]:
    return [Listed(segment[0].key, plain_digest(segment), segment) for segment in cut("sbom", records)]


def refuse(_: list[Record]) -> list[Record]:
    raise AssertionError("a segment that is in both lists was opened")


def test_equal_lists_open_nothing() -> None:
    assert list(diff(listed(OLD), listed(OLD), refuse)) == []


def test_added_updated_and_removed_come_in_order_of_key() -> None:
    added, updated = made_record("k0050x"), made_record("k0100", 1)
    new = sorted([*OLD[:100], added, updated, *OLD[101:150], *OLD[151:]])
    found = list(diff(listed(OLD), listed(new), lambda segment: segment))
    assert found == [Added(added), Updated(OLD[100], updated), Removed(OLD[150])]


def test_only_segments_that_differ_are_opened() -> None:
    opened: list[list[Record]] = []

    def load(segment: list[Record]) -> list[Record]:
        opened.append(segment)
        return segment

    new = [*OLD[:100], made_record("k0100", 1), *OLD[101:]]
    list(diff(listed(OLD), listed(new), load))
    assert len(opened) == 2
    assert all(b"k0100" in [record.key for record in segment] for segment in opened)


def test_same_content_at_another_key_is_a_difference() -> None:
    here, there = made_record("a"), made_record("a")._replace(key=b"b")
    found = list(diff(listed([here]), listed([there]), lambda segment: segment))
    assert found == [Removed(here), Added(there)]


def test_everything_is_added_to_nothing_and_removed_again() -> None:
    assert list(diff([], listed(OLD), lambda segment: segment)) == [Added(record) for record in OLD]
    assert list(diff(listed(OLD), [], lambda segment: segment)) == [Removed(record) for record in OLD]


def test_segments_out_of_order_are_refused() -> None:
    with pytest.raises(KeysOutOfOrder):
        list(diff(listed(OLD)[::-1], [], lambda segment: segment))
