"""Reads what people write on a command line: times, durations, kinds, selections."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta

import click

KINDS = ("advisory", "vex", "sbom", "finding")
_KIND_PREFIX = "RECORD_KIND_"
_DURATION = re.compile(r"(\d{1,9})(s|m|h|d)")
_UNIT_SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86400}


def kind_name(kind: str) -> str:
    """Return the contract's name of a kind."""
    return _KIND_PREFIX + kind.upper()


def kind_word(name: str) -> str:
    """Return the word for a contract's kind."""
    return name.removeprefix(_KIND_PREFIX).lower()


class TimeType(click.ParamType[str]):
    """A time as RFC 3339 or a date; it becomes RFC 3339 in UTC."""

    name = "time"

    def convert(self, value: str, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """Return the time in the contract's form."""
        try:
            moment = datetime.fromisoformat(value)
        except ValueError:
            self.fail(f"{value!r} is no time; write 2024-05-06 or 2024-05-06T07:08:09Z.", param, ctx)
        moment = moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
        return moment.isoformat().replace("+00:00", "Z")


class DurationType(click.ParamType[timedelta]):
    """A span such as `90s`, `15m`, `12h` or `30d`."""

    name = "duration"

    def convert(
        self, value: str | timedelta, param: click.Parameter | None, ctx: click.Context | None
    ) -> timedelta:
        """Return the span."""
        if isinstance(value, timedelta):
            return value
        found = _DURATION.fullmatch(value)
        if found is None:
            self.fail(f"{value!r} is no duration; write 90s, 15m, 12h or 30d.", param, ctx)
        return timedelta(seconds=int(found[1]) * _UNIT_SECONDS[found[2]])


TIME = TimeType()
DURATION = DurationType()
KIND = click.Choice(KINDS)
