"""Matches texts against exact entries and entries with `*`, in time linear in the text."""

from __future__ import annotations

from collections.abc import Iterable

from libs.common.canon.encode import encode

WILDCARD = "*"
# Each such entry is tried on every name of every record: so the largest document still takes seconds only.
MAX_WILDCARD_ENTRIES = 64
# Searching a line for more texts than these takes as long as reading it.
MAX_TRACES = 32


class Patterns:
    """Entries of one list of a selector; a text matches when it equals one or fits its `*`."""

    __slots__ = ("_exact", "_traces", "_wild")

    def __init__(self, entries: Iterable[str]) -> None:
        wild = {entry for entry in entries if WILDCARD in entry}
        self._exact = frozenset(entries) - wild
        self._wild = tuple(tuple(entry.split(WILDCARD)) for entry in sorted(wild))
        self._traces = _traces([*((entry,) for entry in sorted(self._exact)), *self._wild])

    def may_match_in(self, line: bytes) -> bool:
        """Say whether a text of the canonical document `line` may match, without reading it; a no is sure."""
        return self._traces is None or any(trace in line for trace in self._traces)

    def match(self, text: str) -> bool:
        """Say whether an entry selects `text`."""
        return text in self._exact or any(_fits(text, pieces) for pieces in self._wild)

    def match_any(self, texts: Iterable[str]) -> bool:
        """Say whether an entry selects one of `texts`."""
        return any(self.match(text) for text in texts)


def _traces(entries: list[tuple[str, ...]]) -> tuple[bytes, ...] | None:
    """Return for each entry what stands in every document that has a match; None where that is no help."""
    if len(entries) > MAX_TRACES:
        return None
    longest = [max(pieces, key=len) for pieces in entries]
    return tuple(encode(piece)[1:-1] for piece in longest) if all(longest) else None


def _fits(text: str, pieces: tuple[str, ...]) -> bool:
    """Say whether `text` is the pieces with anything between; the earliest place of each piece is enough."""
    first, *middle, last = pieces
    if len(text) < len(first) + len(last) or not text.startswith(first) or not text.endswith(last):
        return False
    at, end = len(first), len(text) - len(last)
    for piece in middle:
        found = text.find(piece, at, end)
        if found < 0:
            return False
        at = found + len(piece)
    return True
