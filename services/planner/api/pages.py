"""Decides how many entries a page of any list of ours has, and where the next one goes on."""

from __future__ import annotations

import re
from collections.abc import Sequence

from libs.common.errors import BadPageToken
from libs.common.paging import page_position, page_size

USUAL_SIZE = 100
LARGEST_SIZE = 1_000  # what one answer holds well under its 4 MiB, and one query quickly


def size_of(asked: int) -> int:
    """Return the number of entries for the number asked."""
    return page_size(asked, USUAL_SIZE, LARGEST_SIZE)


def position_in(scope: Sequence[str], token: str, form: re.Pattern[str]) -> str | None:
    """Return the id after which a page begins, or None for the first page."""
    position = page_position(scope, token, 1)
    if position is None:
        return None
    if not form.fullmatch(position[0]):
        raise BadPageToken
    return position[0]
