"""The same records make the same segments and digests, whatever the order, the batches and the detours."""

from __future__ import annotations

import hashlib
from concurrent.futures import Future, ThreadPoolExecutor

from hypothesis import given, settings
from hypothesis import strategies as st

from libs.common.digests import sha256_digest
from libs.common.segments.cut import Record
from libs.common.segments.merge import Change, Tombstone
from services.evidence.ledger import changes, frames
from services.evidence.ledger.digests import version_of
from services.evidence.ledger.frames import Framed
from services.evidence.ledger.merging import Merger
from services.evidence.values import DatasetName, Segment

NAME = DatasetName("sbom", "s")
KEYS = [f"k{number}" for number in range(60)]
Step = dict[str, int | None]
STEPS = st.lists(
    st.dictionaries(st.sampled_from(KEYS), st.one_of(st.none(), st.integers(0, 2)), max_size=20), max_size=6
)


class Shelf:
    """Frames in memory."""

    def __init__(self) -> None:
        self.stored: dict[str, bytes] = {}

    def keep(self, framed: Framed) -> Future[None]:
        self.stored |= {sha256_digest(data): data for data in framed.stored}
        kept: Future[None] = Future()
        kept.set_result(None)
        return kept

    def load(self, segment: Segment) -> list[Record]:
        documents, sources, ledger = (
            self.stored[frame.stored_digest] for frame in (segment.documents, segment.sources, segment.ledger)
        )
        return frames.read(segment, (documents, sources, ledger))


def record(key: str, version: int, sequence: int) -> Record:
    source = '{"digest":"d","key":"%s","uri":"%s"}' % (key, hashlib.sha256(key.encode()).hexdigest())  # noqa: UP031 - braces
    line = frames.ledger_line("now", sequence, version)
    return Record(key.encode(), b'{"v":%d}' % version, source.encode(), line, version)


def change(key: str, version: int | None, sequence: int) -> Change:
    return Tombstone(key.encode()) if version is None else record(key, version, sequence)


@settings(max_examples=80, deadline=None)
@given(STEPS, st.booleans())
def test_history_leaves_no_trace(steps: list[Step], ends_with_replacement: bool) -> None:
    shelf = Shelf()
    with ThreadPoolExecutor(1) as pool:
        merger = Merger(pool, shelf.load, shelf.keep)
        segments: list[Segment] = []
        state: dict[str, int] = {}
        for sequence, step in enumerate(steps, start=1):
            ordered = [change(key, step[key], sequence) for key in sorted(step)]
            merged = merger.merge(NAME, segments, ordered)
            state |= {key: version for key, version in step.items() if version is not None}
            state = {key: version for key, version in state.items() if step.get(key, 0) is not None}
            assert merged.is_changed == (merged.segments != segments)
            segments = merged.segments
        wanted = [record(key, state[key], 99) for key in sorted(state)]
        if ends_with_replacement:
            existing = [each.key for segment in segments for each in shelf.load(segment)]
            segments = merger.merge(NAME, segments, changes.replacement(existing, wanted)).segments
        fresh = merger.merge(NAME, [], wanted).segments
    assert version_of(NAME, segments, None) == version_of(NAME, fresh, None)
