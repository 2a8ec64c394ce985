"""Names what can be wrong with a bundle: always at a place, always with a reason."""

from __future__ import annotations

SHOWN_CHARACTERS = 120  # hostile names are cut to this in texts, so that a message stays one line


def shown(text: object, most: int = SHOWN_CHARACTERS) -> str:
    """Return `text` on one line, escaped and cut, fit for a message."""
    line = str(text).encode("unicode_escape").decode("ascii")
    return line if len(line) <= most else f"{line[:most]}…"


class BadBundle(Exception):
    """Something breaks the format of a bundle: `path` says where, `reason` what and what would be right."""

    def __init__(self, path: str, reason: str) -> None:
        """Say where and why."""
        self.path = path
        self.reason = reason
        super().__init__(f"{shown(path)}: {reason}")


class BadPath(BadBundle):
    """A path that no bundle may hold."""


class BadForm(BadBundle):
    """A JSON file that is not in the one form of the format."""


class BadArchive(BadBundle):
    """A tar that is not the one tar of its files."""
