"""What is reachable or young stays, the rest goes; whatever the roots, the ages and the room for marks."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from libs.common.blobs.collecting import SHARDS, Found
from services.distributor.collect.rules import Fate, Marks, fate

CUTOFF = datetime(2026, 1, 1, tzinfo=UTC)

# Few different ones, so that roots share blobs, in shards all over.
digests = st.integers(0, 255).map(lambda number: bytes([number, number % 3]) + bytes(30))
roots = st.lists(st.lists(digests, max_size=30), max_size=6)
ages = st.integers(-3, 3).map(lambda hours: CUTOFF + timedelta(hours=hours))
stored = st.dictionaries(digests, ages, max_size=60)


@given(roots, stored, st.dictionaries(digests, ages, max_size=20), st.integers(1, 20))
def test_what_is_named_or_young_stays_and_the_rest_goes(
    named: list[list[bytes]], blobs: dict[bytes, datetime], used: dict[bytes, datetime], room: int
) -> None:
    gone: set[bytes] = set()
    seen: set[bytes] = set()
    shards = range(SHARDS)
    while shards:
        marks = Marks(shards, room)
        for one in named:
            marks.add(one)
        for digest, modified in blobs.items():
            found = fate(Found("key", digest, 1, modified), marks, used, CUTOFF)
            if found is not Fate.LATER and digest[0] in shards:
                assert digest not in seen
                seen.add(digest)
                gone |= {digest} if found is Fate.GARBAGE else set()
        shards = range(marks.shards.stop, SHARDS)
    live = {digest for one in named for digest in one}
    young = {
        digest for digest, modified in blobs.items() if max(modified, used.get(digest, modified)) > CUTOFF
    }
    assert seen == set(blobs)
    assert gone == set(blobs) - live - young


@given(roots, st.integers(1, 5))
def test_marks_take_no_more_than_their_room_unless_one_shard_alone_does(
    named: list[list[bytes]], room: int
) -> None:
    marks = Marks(range(SHARDS), room)
    for one in named:
        marks.add(one)
    assert len(marks.marked) <= room or len(marks.shards) == 1


@given(roots, st.lists(digests, max_size=30))
def test_a_root_that_is_found_late_never_lets_a_marked_blob_go(
    named: list[list[bytes]], late: list[bytes]
) -> None:
    marks = Marks(range(SHARDS), 5)
    for one in named:
        marks.add(one)
    marks.add(late)
    old = CUTOFF - timedelta(days=9)
    for digest in {digest for one in [*named, late] for digest in one}:
        assert fate(Found("key", digest, 1, old), marks, {}, CUTOFF) is not Fate.GARBAGE
