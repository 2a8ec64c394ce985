"""Makes text of others fit for a terminal: no control characters, known width."""

from __future__ import annotations

import unicodedata

_WIDE = frozenset("WF")
_INVISIBLE = frozenset(("Cc", "Cf", "Cs", "Co", "Zl", "Zp"))


def printable(text: str) -> str:
    """Return `text` on one line with everything escaped that could steer a terminal or hide."""
    if text.isascii() and text.isprintable():
        return text
    return "".join(
        character
        if unicodedata.category(character) not in _INVISIBLE
        else character.encode("unicode_escape").decode("ascii")
        for character in text
    )


def width(text: str) -> int:
    """Return how many columns `text` takes."""
    if text.isascii():
        return len(text)
    return sum(_width(character) for character in text)


def _width(character: str) -> int:
    if unicodedata.combining(character):
        return 0
    return 2 if unicodedata.east_asian_width(character) in _WIDE else 1


def cut(text: str, columns: int) -> str:
    """Return `text` in at most `columns` columns, with `…` where something was left out."""
    if width(text) <= columns:
        return text
    taken, used = [], 0
    for character in text:
        used += _width(character)
        if used > columns - 1:
            break
        taken.append(character)
    return "".join(taken) + "…"
