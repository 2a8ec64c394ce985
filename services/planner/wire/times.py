"""Turns times of the contract into text that loses nothing, and back."""

from __future__ import annotations

from datetime import datetime

from google.protobuf.timestamp_pb2 import Timestamp


class BadTime(ValueError):
    """A time that no calendar has."""


def time_text(time: Timestamp) -> str:
    """Return a time as RFC 3339 in UTC, exact to the nanosecond."""
    try:
        return time.ToJsonString()
    except ValueError as error:
        raise BadTime("it is not a time between the years 1 and 9999") from error


def time_message(text: str) -> Timestamp | None:
    """Return the time that was written, or None for an empty text."""
    if not text:
        return None
    time = Timestamp()
    time.FromJsonString(text)
    return time


def moment_message(moment: datetime | None) -> Timestamp | None:
    """Return one of our own times."""
    if moment is None:
        return None
    time = Timestamp()
    time.FromDatetime(moment)
    return time
