"""Writes numbers for people: with a unit, and with no more digits than help."""

from __future__ import annotations

_SIZE_UNITS = ("B", "KiB", "MiB", "GiB", "TiB")
_UNIT = 1024
_MINUTE = 60
_HOUR = 3600
_TENTHS_BELOW = 10  # seconds: a tenth says something only for short times


def count(number: int) -> str:
    """Return `12,345`."""
    return f"{number:,}"


def size(number: float) -> str:
    """Return bytes as `812 B` or `1.4 MiB`."""
    amount = float(number)
    for unit in _SIZE_UNITS:
        if amount < _UNIT or unit == _SIZE_UNITS[-1]:
            break
        amount /= _UNIT
    return f"{amount:.0f} {unit}" if unit == "B" else f"{amount:,.1f} {unit}"


def rate(amount: float, seconds: float) -> str:
    """Return bytes a second as `11.2 MiB/s`."""
    return f"{size(amount / seconds if seconds > 0 else 0)}/s"


def count_rate(amount: int, seconds: float, unit: str) -> str:
    """Return things a second as `12,345 records/s`."""
    return f"{round(amount / seconds if seconds > 0 else 0):,} {unit}/s"


def duration(seconds: float) -> str:
    """Return `350 ms`, `4.2 s`, `48 s`, `2 min 05 s` or `3 h 07 min`."""
    if seconds < 1:
        return f"{max(seconds, 0) * 1000:.0f} ms"
    if seconds < _TENTHS_BELOW:
        return f"{seconds:.1f} s"
    whole = round(seconds)
    if whole < _MINUTE:
        return f"{whole} s"
    if whole < _HOUR:
        return f"{whole // _MINUTE} min {whole % _MINUTE:02d} s"
    return f"{whole // _HOUR} h {whole % _HOUR // _MINUTE:02d} min"


def plural(number: int, singular: str, several: str = "") -> str:
    """Return `1 record` or `3 records`."""
    return f"{number:,} {singular if number == 1 else several or singular + 's'}"
