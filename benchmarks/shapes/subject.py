"""What a shape is given: a record's number, its own draws, the size to reach, how it has changed since."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from benchmarks.shapes.drawing import DAYS, Chance, instant, published_day

# Of neighbours so many take one id together that 14% of all ids are shared, as in the real packs.
_NEIGHBOURS = 16
_SHARING = 0.3
_ALL_SHARE = 50  # in every fiftieth group
ZERO_TIME = "0001-01-01T00:00:00Z"


@dataclass(frozen=True, slots=True)
class Change:
    """What days did to a record, content aside: days since it was first made, references more, withdrawal."""

    days: int = 0
    references: int = 0
    withdrawn: bool = False


@dataclass(frozen=True, slots=True)
class Subject:
    """One record to make."""

    number: int
    chance: Chance
    target: int
    change: Change


Made = tuple[str, str]  # the record's id and its document
Build = Callable[[Subject], Made]


def cve(subject: Subject, year: str) -> str:
    """Return the CVE id of a record; some share theirs with neighbours, a few with fifteen."""
    group = subject.number // _NEIGHBOURS
    if subject.chance() < _SHARING or group % _ALL_SHARE == 0:
        return f"CVE-{2015 + group % 11}-{5_000_000 + group}"
    return f"CVE-{year}-{10000 + subject.number}"


def ghsa(number: int) -> str:
    """Return a GHSA id."""
    text = f"{number * 2654435761 % 2**48:012x}".translate(str.maketrans("01abde", "ghjmpq"))
    return f"GHSA-{text[:4]}-{text[4:8]}-{text[8:]}"


def times(subject: Subject) -> tuple[str, str, str]:
    """Return year, time of publication and time of the last change, which may be the earlier one."""
    chance = subject.chance
    day = published_day(chance)
    later = int(1200 ** chance()) if chance() > 0.07 else -int(60 * chance())  # noqa: PLR2004 - measured share
    changed = min(max(day + later, 0), len(DAYS) - 400) + subject.change.days
    return DAYS[day][:4], instant(chance, day), instant(chance, min(changed, len(DAYS) - 1))


def news(subject: Subject) -> str:
    """Return the references that days have added, each with a comma before it; they take no draw."""
    return "".join(
        [
            f',{{"type":"WEB","url":"https://news.example.org/{subject.number}/{number}"}}'
            for number in range(subject.change.references)
        ]
    )
