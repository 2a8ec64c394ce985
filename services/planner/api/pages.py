"""Decides how many entries a page of any list of ours has, and where the next one goes on."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Protocol, TypeVar

from libs.common.errors import BadPageToken
from libs.common.paging import page_position, page_size, page_token

USUAL_SIZE = 100
LARGEST_SIZE = 1_000  # what one query gives quickly
# An answer may have 4 MiB; one entry of ours has at most about 256 KiB, most have less than one.
LARGEST_BYTES = 3 << 20


class Named(Protocol):
    """An entry of a list."""

    name: str

    def ByteSize(self) -> int:  # noqa: N802 - named by protobuf
        """Return the length of the entry as a message."""


_Entry = TypeVar("_Entry", bound=Named)


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


def page_of(scope: Sequence[str], found: Sequence[_Entry], size: int) -> tuple[list[_Entry], str]:
    """Return the entries of a page and the token of the next one.

    `found` holds one entry more than `size` where there are more. A page is cut short where an answer would
    be too large, but holds one entry at least.
    """
    shown: list[_Entry] = []
    room = LARGEST_BYTES
    for entry in found[:size]:
        room -= entry.ByteSize()
        if shown and room < 0:
            break
        shown.append(entry)
    if len(shown) == len(found):
        return shown, ""
    return shown, page_token(scope, [shown[-1].name.rpartition("/")[2]])
