"""Decides what a day does to made-up evidence: new, changed, withdrawn, deleted records, by number alone."""

from __future__ import annotations

from benchmarks.shapes.drawing import share_of
from benchmarks.shapes.subject import Change

NEW_PER_MILLE = 5
CHANGED = 0.01
WITHDRAWN = 0.0002
DELETED = 0.00005
REWRITE_DAY = 7  # on which a whole ecosystem gets a new `modified` and nothing else
REWRITTEN = "osv-bitnami"


def size_on(count: int, day: int) -> int:
    """Return how many records there have ever been on a day, of `count` on day 0."""
    return count + count * NEW_PER_MILLE * day // 1000


def born(number: int, count: int) -> int:
    """Return the day on which a record is first there."""
    day = 0
    while size_on(count, day) <= number:
        day += 1
    return day


def happens(number: int, day: int) -> float:
    """Return what decides about a record on a day: below the shares it is deleted, withdrawn, changed."""
    return share_of("day", day, number)


def is_deleted(number: int, first_day: int, day: int) -> bool:
    """Say whether a record that came on `first_day` is gone on `day`."""
    return any(happens(number, each) < DELETED for each in range(first_day + 1, day + 1))


def change_by(number: int, source: str, first_day: int, day: int) -> Change:
    """Return what the days up to `day` have done to a record."""
    days = references = 0
    withdrawn = False
    for each in range(first_day + 1, day + 1):
        drawn = happens(number, each)
        if drawn < DELETED + WITHDRAWN:
            withdrawn, days = True, each
        elif drawn < DELETED + WITHDRAWN + CHANGED:
            days = each
            references += drawn < DELETED + WITHDRAWN + CHANGED / 2
        if each == REWRITE_DAY and source == REWRITTEN:
            days = each
    return Change(days, references, withdrawn)


def is_touched(number: int, source: str, day: int) -> bool:
    """Say whether a record that was there before `day` is another on it."""
    rewritten = day == REWRITE_DAY and source == REWRITTEN
    return rewritten or DELETED <= happens(number, day) < DELETED + WITHDRAWN + CHANGED
