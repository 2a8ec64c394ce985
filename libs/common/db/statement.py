"""Prepares the text of a statement once: its parameters and its cache key are found at the first use."""

from __future__ import annotations

import functools

from sqlalchemy import TextClause, text

STATEMENTS = 1024  # more than the code of one service has, with every filter it can put together


@functools.lru_cache(STATEMENTS)
def sql(statement: str) -> TextClause:
    """Return the statement; to make it anew for each use would cost as much as to send it."""
    return text(statement)
