"""What the contracts say of their services and members; generated code does not carry it, so a file does."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

FILE = Path(__file__).with_name("comments.json")  # written by tools/generate-docs.py


class Comments:
    """One sentence or two for each full name."""

    def __init__(self, comments: Mapping[str, str]) -> None:
        """Take the comments by full name."""
        self._comments = comments

    @classmethod
    def load(cls) -> Comments:
        """Read the file beside this module."""
        return cls(json.loads(FILE.read_text(encoding="utf-8")))

    def of(self, full_name: str) -> str:
        """Return what is said of a name, or an empty string."""
        return self._comments.get(full_name, "")
