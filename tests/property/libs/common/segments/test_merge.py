"""States what holds for every history: the segments are those of the record set, however it came about."""

from collections.abc import Iterable

from hypothesis import given, settings
from hypothesis import strategies as st

from libs.common.segments.cut import Caps, Record, boundary_bits, cut
from libs.common.segments.merge import Change, Cut, Kept, Replaced, Tally, Tombstone, merge
from tests.kit.records import as_existing, made_record

KIND = "sbom"
# A few keys, half of them boundaries, so that runs join, split and overflow all the time.
PLAIN = [key for key in (f"k{number:03d}" for number in range(60)) if boundary_bits(key.encode()) < 3][:12]
STARTS = [key for key in (f"k{number:03d}" for number in range(200)) if boundary_bits(key.encode()) >= 3][:12]

records = st.builds(
    made_record, st.sampled_from(PLAIN + STARTS), st.integers(0, 2), st.sampled_from([0, 5, 60, 300])
)
tombstones = st.sampled_from(PLAIN + STARTS).map(lambda key: Tombstone(key.encode()))
batches = st.lists(st.one_of(records, records, tombstones), max_size=20).map(
    lambda changes: {change.key: change for change in changes}
)
caps = st.builds(Caps, st.sampled_from([40, 100, 200, 10_000]), st.sampled_from([1, 2, 3, 100]))

Segments = list[list[Record]]
Batch = dict[bytes, Change]


def applied(
    segments: Segments, batch: Batch, limits: Caps, *, is_whole: bool = False
) -> tuple[Segments, Tally]:
    """Merge and check what must hold of every outcome."""
    tally = Tally()
    loaded: list[int] = []

    def load(ref: int) -> Iterable[Record]:
        loaded.append(ref)
        return segments[ref]

    outcomes = list(
        merge(KIND, as_existing(segments), in_order(batch), load, tally, is_whole=is_whole, caps=limits)
    )
    gone = [outcome.ref for outcome in outcomes if isinstance(outcome, Kept | Replaced)]
    assert sorted(gone) == list(range(len(segments)))
    assert tally.loaded == len(loaded) == len(set(loaded))
    assert {outcome.ref for outcome in outcomes if isinstance(outcome, Replaced)} <= set(loaded)
    new = [
        segments[outcome.ref] if isinstance(outcome, Kept) else outcome.records
        for outcome in outcomes
        if not isinstance(outcome, Replaced)
    ]
    assert not [o.records for o in outcomes if isinstance(o, Cut) and o.records in segments]
    return new, tally


def in_order(batch: Batch) -> list[Change]:
    return [batch[key] for key in sorted(batch)]


def cut_of(state: dict[bytes, Record], limits: Caps) -> Segments:
    return list(cut(KIND, [state[key] for key in sorted(state)], limits))


def apply_naively(state: dict[bytes, Record], batch: Batch) -> dict[bytes, Record]:
    after = state | {key: change for key, change in batch.items() if isinstance(change, Record)}
    return {key: record for key, record in after.items() if not isinstance(batch.get(key), Tombstone)}


@settings(max_examples=400)
@given(st.lists(batches, max_size=6), caps)
def test_segments_after_any_history_are_the_cut_of_the_records(history: list[Batch], limits: Caps) -> None:
    segments: Segments = []
    state: dict[bytes, Record] = {}
    for batch in history:
        segments, _ = applied(segments, batch, limits)
        state = apply_naively(state, batch)
        assert segments == cut_of(state, limits)


@given(st.lists(batches, max_size=4), st.permutations(range(4)), caps)
def test_order_of_batches_that_do_not_meet_does_not_matter(
    history: list[Batch], order: list[int], limits: Caps
) -> None:
    seen: set[bytes] = set()
    apart: list[Batch] = []
    for batch in history:
        apart.append({key: change for key, change in batch.items() if key not in seen})
        seen |= batch.keys()
    forward: Segments = []
    for batch in apart:
        forward, _ = applied(forward, batch, limits)
    shuffled: Segments = []
    for at in order:
        if at < len(apart):
            shuffled, _ = applied(shuffled, apart[at], limits)
    assert forward == shuffled


@given(batches, batches, caps)
def test_tally_counts_what_a_naive_comparison_finds(first: Batch, second: Batch, limits: Caps) -> None:
    before = apply_naively({}, first)
    _, tally = applied(cut_of(before, limits), second, limits)
    changed = {key: change for key, change in second.items() if isinstance(change, Record)}
    gone = second.keys() - changed.keys()
    assert tally.added == len(changed.keys() - before.keys())
    assert tally.unchanged == sum(before.get(key) == change for key, change in changed.items())
    assert tally.updated == len(changed) - tally.added - tally.unchanged
    assert tally.removed == len(gone & before.keys())


@given(batches, batches, caps)
def test_whole_import_leaves_exactly_what_it_names(first: Batch, second: Batch, limits: Caps) -> None:
    before = apply_naively({}, first)
    after, tally = applied(cut_of(before, limits), second, limits, is_whole=True)
    named = apply_naively({}, second)
    assert after == cut_of(named, limits)
    assert tally.removed == len(before.keys() - named.keys())


@given(batches, batches)
def test_only_runs_that_hold_a_change_or_lose_their_end_are_loaded(first: Batch, second: Batch) -> None:
    limits = Caps()
    segments = cut_of(apply_naively({}, first), limits)
    loaded: list[int] = []

    def load(ref: int) -> Iterable[Record]:
        loaded.append(ref)
        return segments[ref]

    list(merge(KIND, as_existing(segments), in_order(second), load, Tally()))
    for ref in loaded:
        # The run before the first boundary begins with the smallest key there may be.
        start = segments[ref][0].key if boundary_bits(segments[ref][0].key) >= 3 else b""
        end = segments[ref + 1][0].key if ref + 1 < len(segments) else b"z"
        assert any(start <= key <= end for key in second)


@given(batches, caps)
def test_same_batch_again_changes_nothing(batch: Batch, limits: Caps) -> None:
    segments, _ = applied([], batch, limits)
    again, tally = applied(segments, batch, limits)
    assert (again, tally.added, tally.updated, tally.removed) == (segments, 0, 0, 0)
