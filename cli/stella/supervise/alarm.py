"""Notices in what a process writes that it has met a fault from which only a new start brings it back."""

from __future__ import annotations


class Alarm:
    """Rings once a text was heard, until it is reset; without a text it never does."""

    def __init__(self, text: bytes) -> None:
        self._text = text
        self._end = b""  # of what was heard, since the text may come in two pieces
        self.has_rung = False

    def hear(self, data: bytes) -> None:
        """Take the next piece of what the process writes."""
        if not self._text or self.has_rung:
            return
        heard = self._end + data
        self.has_rung = self._text in heard
        self._end = heard[max(0, len(heard) - len(self._text) + 1) :]

    def reset(self) -> None:
        """Listen anew."""
        self.has_rung = False
        self._end = b""
