"""Reads times that documents state, to the nanosecond; zero times say nothing and do not count."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta

SECOND = 1_000_000_000
ZERO_TIME_ENDS = 86_400 * SECOND  # year 1 and the Unix epoch are how programs write "unset"
MAX_LENGTH = 48  # longer than any spelling of a time
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_TIME = re.compile(
    r"(\d{4}-\d{2}-\d{2})"
    r"(?:[Tt ](\d{2}:\d{2}(?::\d{2})?)(?:[.,](\d{1,9})\d*)?)?"
    r"([Zz]|[+-]\d{2}:?\d{2})?",
    re.ASCII,
)


def instant(value: object) -> int | None:
    """Return the nanoseconds since 1970 of an RFC 3339 time or a date, or None; no zone means UTC."""
    if not isinstance(value, str) or len(value) > MAX_LENGTH:
        return None
    found = _TIME.fullmatch(value.strip())
    if found is None:
        return None
    date, time, fraction, zone = found.groups()
    offset = "+00:00" if zone is None or zone in "Zz" else zone
    try:
        moment = datetime.fromisoformat(f"{date}T{time or '00:00'}{offset}")
    except ValueError:
        return None
    seconds = (moment - _EPOCH) // timedelta(seconds=1)
    nanoseconds = seconds * SECOND + int((fraction or "").ljust(9, "0"))
    return nanoseconds if nanoseconds >= ZERO_TIME_ENDS else None
