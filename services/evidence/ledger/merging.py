"""Merges changes into one dataset: reads the segments that they touch, cuts new ones, stores their frames."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import Executor, Future, wait
from dataclasses import dataclass

from libs.common.segments.cut import Record
from libs.common.segments.merge import Change, Cut, Existing, Kept, Replaced, Tally, merge
from services.evidence.ledger import frames
from services.evidence.ledger.changes import again
from services.evidence.ledger.frames import Framed
from services.evidence.ledger.storing import Storing
from services.evidence.values import DatasetName, Segment

MAX_IN_HAND = 4  # new segments that are packed at once: 16 MiB plain each at worst


@dataclass(frozen=True, slots=True)
class Merged:
    """What became of a dataset: all its segments in order, which are new, which are gone, and the counts."""

    segments: list[Segment]
    added: list[Segment]
    removed: list[Segment]
    tally: Tally

    @property
    def is_changed(self) -> bool:
        """Whether anything is different."""
        return bool(self.added or self.removed)


class Merger:
    """Merges datasets; `load` reads the records of a segment, `store` begins to keep those of a new one."""

    def __init__(
        self, pool: Executor, load: Callable[[Segment], list[Record]], store: Callable[[Framed], Future[None]]
    ) -> None:
        self._pool = pool
        self._load = load
        self._store = store

    def merge(self, name: DatasetName, existing: Sequence[Segment], changes: Iterable[Change]) -> Merged:
        """Return what `changes` make of a dataset of the `existing` segments."""
        tally = Tally()
        listed = [Existing(each.first_key, each.last_key, each) for each in existing]
        in_order: list[Segment | Future[Segment]] = []
        removed: list[Segment] = []
        in_hand: deque[Future[Segment]] = deque()
        storing = Storing(self._store)
        try:
            for piece in merge(name.kind, listed, changes, self._load, tally, again=again):
                if isinstance(piece, Kept):
                    in_order.append(piece.ref)
                elif isinstance(piece, Replaced):
                    removed.append(piece.ref)
                else:
                    in_order.append(self._hand_over(piece, storing, in_hand))
            segments = [each.result() if isinstance(each, Future) else each for each in in_order]
            storing.finish()
        finally:
            for future in in_hand:
                future.cancel()
            # Whoever fails, too, goes on only once nothing of it writes any more.
            wait(in_hand)
            storing.wait()
        added = [each for each, piece in zip(segments, in_order, strict=True) if isinstance(piece, Future)]
        return Merged(segments, added, removed, tally)

    def _hand_over(self, piece: Cut, storing: Storing, in_hand: deque[Future[Segment]]) -> Future[Segment]:
        if len(in_hand) == MAX_IN_HAND:
            in_hand.popleft().result()
        future = self._pool.submit(_make, piece.records, storing)
        in_hand.append(future)
        return future


def _make(records: list[Record], storing: Storing) -> Segment:
    framed = frames.write(records)
    storing.begin(framed)
    return framed.segment
