"""Reads the times that documents state; zero times and times in the future say nothing and do not count."""

from __future__ import annotations

import re
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta

ZERO_TIME_ENDS = datetime(1970, 1, 2, tzinfo=UTC)  # year 1 and the Unix epoch are how programs write "unset"
MAX_LENGTH = 48  # longer than any spelling of a time
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
_FRACTION = re.compile(r"(\.\d{6})\d+")


def parse(value: object) -> datetime | None:
    """Return the instant of an RFC 3339 time or a date, or None; a time without a zone is taken as UTC."""
    if not isinstance(value, str) or not value or len(value) > MAX_LENGTH:
        return None
    try:
        instant = datetime.fromisoformat(
            _FRACTION.sub(r"\1", value.strip()) if "." in value else value.strip()
        )
        return instant.replace(tzinfo=UTC) if instant.tzinfo is None else instant.astimezone(UTC)
    except (ValueError, OverflowError):
        return None


def newest(values: Iterable[object], now: datetime) -> int | None:
    """Return the newest of the times that count, in microseconds since 1970; None where none does."""
    instants = [
        instant
        for value in values
        if (instant := parse(value)) is not None and ZERO_TIME_ENDS <= instant <= now
    ]
    return microseconds(max(instants)) if instants else None


def microseconds(instant: datetime) -> int:
    """Return an instant as microseconds since 1970."""
    return (instant - _EPOCH) // _MICROSECOND


def instant_of(value: int) -> datetime:
    """Return the instant that lies so many microseconds after 1970."""
    return _EPOCH + value * _MICROSECOND


def text(instant: datetime) -> str:
    """Return the instant in UTC with microseconds and `Z`: one spelling for each instant."""
    return instant.astimezone(UTC).replace(tzinfo=None).isoformat(timespec="microseconds") + "Z"
