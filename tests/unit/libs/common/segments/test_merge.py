"""States what a merge touches and what it leaves alone, one rule a test."""

from collections.abc import Iterable, Sequence
from itertools import pairwise

import pytest

from libs.common.segments.cut import HARD_CAPS, Caps, KeysOutOfOrder, Record, boundary_bits, cut
from libs.common.segments.merge import (
    Change,
    Cut,
    Existing,
    Kept,
    Replaced,
    Tally,
    Tombstone,
    WrongSegment,
    merge,
)
from tests.kit.records import as_existing, keys, made_record

KIND = "sbom"
NAMES = [f"k{number:04d}" for number in range(300)]
STARTS = [name for name in NAMES if boundary_bits(name.encode()) >= 3]
# A run of keys without a start inside, and its start.
FIRST, SECOND = next((one, two) for one, two in pairwise(STARTS) if int(two[1:]) - int(one[1:]) > 6)
RUN = [name for name in NAMES if FIRST <= name < SECOND]


class Merged:
    """A merge that was read to its end."""

    def __init__(
        self,
        names: Iterable[str],
        changes: Sequence[Change],
        *,
        is_whole: bool = False,
        caps: Caps = HARD_CAPS,
    ) -> None:
        self.old = list(cut(KIND, map(made_record, names), caps))
        self.loaded: list[int] = []
        self.tally = Tally()
        self.outcomes = list(
            merge(KIND, as_existing(self.old), changes, self.load, self.tally, is_whole=is_whole, caps=caps)
        )
        self.kept = [outcome.ref for outcome in self.outcomes if isinstance(outcome, Kept)]
        self.replaced = [outcome.ref for outcome in self.outcomes if isinstance(outcome, Replaced)]
        self.cut = [outcome.records for outcome in self.outcomes if isinstance(outcome, Cut)]

    def load(self, ref: int) -> list[Record]:
        self.loaded.append(ref)
        return self.old[ref]

    def segment_of(self, name: str) -> int:
        return next(at for at, segment in enumerate(keys(self.old)) if name in segment)


def test_no_change_keeps_everything_and_loads_nothing() -> None:
    merged = Merged(NAMES, [])
    assert merged.kept == list(range(len(merged.old)))
    assert (merged.outcomes, merged.loaded, merged.tally) == ([Kept(ref) for ref in merged.kept], [], Tally())


def test_first_import_cuts_everything_anew() -> None:
    merged = Merged([], [made_record(name) for name in NAMES])
    assert merged.cut == list(cut(KIND, map(made_record, NAMES)))
    assert merged.tally == Tally(added=len(NAMES))


def test_update_rewrites_its_segment_alone() -> None:
    merged = Merged(NAMES, [made_record(RUN[2], 1)])
    at = merged.segment_of(RUN[2])
    assert (merged.replaced, keys(merged.cut), merged.loaded) == ([at], [RUN], [at])
    assert merged.tally == Tally(updated=1, loaded=1)


def test_change_that_changes_nothing_keeps_the_segment() -> None:
    merged = Merged(NAMES, [made_record(name)._replace(ledger=b"newer", stated_time=7) for name in RUN])
    assert merged.kept == list(range(len(merged.old)))
    assert merged.tally == Tally(unchanged=len(RUN), loaded=1)


def test_a_record_that_comes_again_may_take_another_ledger_line() -> None:
    old = list(cut(KIND, map(made_record, NAMES)))
    tally = Tally()
    changes = [made_record(RUN[2])._replace(ledger=b"newer", stated_time=7)]
    outcomes = list(
        merge(KIND, as_existing(old), changes, old.__getitem__, tally, again=lambda _, imported: imported)
    )
    (anew,) = [outcome.records for outcome in outcomes if isinstance(outcome, Cut)]
    assert [record for record in anew if record.ledger == b"newer"] == changes
    assert keys([anew]) == [RUN]
    assert tally == Tally(unchanged=1, loaded=1)


def test_importing_everything_again_keeps_everything() -> None:
    merged = Merged(NAMES, list(map(made_record, NAMES)))
    assert (merged.replaced, merged.cut) == ([], [])
    assert merged.tally == Tally(unchanged=len(NAMES), loaded=len(merged.old))


def test_update_of_a_source_line_counts() -> None:
    merged = Merged(NAMES, [made_record(RUN[2])._replace(source=b"{}")])
    assert merged.tally == Tally(updated=1, loaded=1)


def test_tombstone_for_an_absent_key_changes_nothing() -> None:
    merged = Merged(NAMES, [Tombstone(b"a"), Tombstone(f"{RUN[2]}x".encode()), Tombstone(b"z")])
    assert (merged.replaced, merged.cut) == ([], [])
    assert merged.tally.removed == 0


def test_removed_boundary_joins_its_run_to_the_one_before() -> None:
    merged = Merged(NAMES, [Tombstone(FIRST.encode())])
    at = merged.segment_of(FIRST)
    assert merged.replaced == [at - 1, at]
    assert keys(merged.cut) == [[*keys(merged.old)[at - 1], *RUN[1:]]]
    assert merged.tally == Tally(removed=1, loaded=2)


def test_new_boundary_splits_a_run() -> None:
    new = next(
        key for key in (f"{RUN[2]}-{number}" for number in range(99)) if boundary_bits(key.encode()) >= 3
    )
    merged = Merged(NAMES, [made_record(new)])
    assert keys(merged.cut) == [RUN[:3], [new, *RUN[3:]]]


def test_new_boundary_in_the_gap_after_a_run_leaves_the_run_alone() -> None:
    new = next(
        key for key in (f"{RUN[-1]}-{number}" for number in range(99)) if boundary_bits(key.encode()) >= 3
    )
    merged = Merged(NAMES, [made_record(new)])
    assert (merged.loaded, keys(merged.cut)) == ([], [[new]])


def test_new_key_in_the_gap_after_a_run_belongs_to_it() -> None:
    new = next(
        key for key in (f"{RUN[-1]}-{number}" for number in range(99)) if boundary_bits(key.encode()) < 3
    )
    assert keys(Merged(NAMES, [made_record(new)]).cut) == [[*RUN, new]]


def test_new_keys_before_a_first_boundary_leave_its_run_alone() -> None:
    merged = Merged(RUN, [made_record("a")])
    assert ([Cut([made_record("a")]), Kept(0)], []) == (merged.outcomes, merged.loaded)


def test_updated_boundary_leaves_the_run_before_it_alone() -> None:
    merged = Merged(NAMES, [made_record(FIRST, 1)])
    assert merged.loaded == [merged.segment_of(FIRST)]


def test_removing_everything_leaves_nothing() -> None:
    merged = Merged(NAMES, [Tombstone(name.encode()) for name in NAMES])
    assert (merged.kept, merged.cut) == ([], [])
    assert merged.replaced == list(range(len(merged.old)))
    assert merged.tally.removed == len(NAMES)


def test_whole_import_removes_what_it_does_not_name() -> None:
    merged = Merged(NAMES, [made_record(name) for name in NAMES if name != RUN[2]], is_whole=True)
    assert (merged.replaced, merged.tally.removed) == ([merged.segment_of(RUN[2])], 1)


def test_empty_whole_import_removes_everything() -> None:
    merged = Merged(NAMES, [], is_whole=True)
    assert (merged.kept, merged.cut, merged.tally.removed) == ([], [], len(NAMES))


def test_capped_run_is_not_loaded_before_the_change() -> None:
    merged = Merged(RUN, [made_record(RUN[5], 1)], caps=Caps(records=2))
    assert (merged.kept[:2], merged.loaded[0]) == ([0, 1], 2)


def test_capped_run_settles_where_a_cut_falls_as_before() -> None:
    merged = Merged(RUN, [made_record(RUN[1], 1)], caps=Caps(records=2))
    assert (merged.replaced, keys(merged.cut)) == ([0], [RUN[:2]])
    assert merged.kept == list(range(1, len(merged.old)))
    assert merged.tally.loaded == 2


def test_capped_run_is_cut_anew_to_its_end_when_cuts_shift() -> None:
    merged = Merged(RUN, [Tombstone(RUN[1].encode())], caps=Caps(records=2))
    assert merged.kept == []
    assert merged.cut == list(cut(KIND, map(made_record, [RUN[0], *RUN[2:]]), Caps(records=2)))


def test_smaller_record_after_a_capped_segment_may_join_it() -> None:
    caps = Caps(plain_bytes=3 * len(made_record(RUN[0]).document) + 20)
    old = [made_record(RUN[0]), made_record(RUN[1]), made_record(RUN[2], size=30)]
    new = [*old[:2], made_record(RUN[2])]
    existing = list(cut(KIND, old, caps))
    outcomes = merge(KIND, as_existing(existing), new[2:], lambda ref: existing[ref], Tally(), caps=caps)
    assert list(outcomes) == [Replaced(0), Replaced(1), Cut(new)]


def test_record_after_a_removed_large_one_may_join_what_was_before_it() -> None:
    caps = Caps(plain_bytes=3 * len(made_record(RUN[0]).document) + 20)
    existing = list(cut(KIND, [made_record(name, size=90 * (name == RUN[2])) for name in RUN[:4]], caps))
    assert keys(existing) == [RUN[:2], [RUN[2]], [RUN[3]]]
    removed = [Tombstone(RUN[2].encode())]
    outcomes = list(
        merge(KIND, as_existing(existing), removed, lambda ref: existing[ref], Tally(), caps=caps)
    )
    assert [o.records for o in outcomes if isinstance(o, Cut)] == [[*existing[0], *existing[2]]]


@pytest.mark.parametrize("names", [["b", "a"], ["a", "a"]])
def test_changes_that_do_not_ascend_are_refused(names: list[str]) -> None:
    with pytest.raises(KeysOutOfOrder):
        Merged([], [made_record(name) for name in names])


def test_existing_segments_that_overlap_are_refused() -> None:
    with pytest.raises(KeysOutOfOrder):
        merge(KIND, [Existing(b"a", b"c", 0), Existing(b"b", b"d", 1)], [], lambda _: [], Tally())


@pytest.mark.parametrize("loaded", [[], ["k1"], ["k1", "k2"], ["k2", "k3"], ["k1", "k2", "k3", "k4"]])
def test_segment_that_loads_with_other_keys_is_refused(loaded: list[str]) -> None:
    existing = [Existing(b"k1", b"k3", 0)]
    with pytest.raises(WrongSegment, match="Check its digest"):
        list(merge(KIND, existing, [made_record("k2")], lambda _: map(made_record, loaded), Tally()))
