"""Draws from what a record's own number seeds: sizes by measured percentiles, popularity, days and times."""

from __future__ import annotations

import hashlib
import math
import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from statistics import NormalDist
from typing import TypeVar

Chance = Callable[[], float]  # uniform in [0, 1); `random()` is the one draw that Python keeps over versions
Item = TypeVar("Item")

_STEPS = 4096
_SCORES = (0.0, *(NormalDist().inv_cdf(share) for share in (0.9, 0.99, 0.9995)))
_LOW_SLOPE = 0.6  # documents below the median differ far less from it than those above
_FIRST = date(2012, 1, 1)
NEWEST_DAY = (date(2026, 6, 30) - _FIRST).days
DAYS = tuple((_FIRST + timedelta(days=day)).isoformat() for day in range(NEWEST_DAY + 400))


def seed_of(*words: object) -> int:
    """Return a seed that depends on the words alone, on any machine."""
    text = "\0".join(str(word) for word in words).encode()
    return int.from_bytes(hashlib.blake2b(text, digest_size=8).digest(), "big")


def chance_of(*words: object) -> Chance:
    """Return the draws of what the words name."""
    return random.Random(seed_of(*words)).random


def share_of(*words: object) -> float:
    """Return one number in [0, 1) for the words: cheaper than draws where one is enough."""
    return seed_of(*words) / 2**64


def pick(chance: Chance, items: Sequence[Item]) -> Item:
    """Return one of the items, each as likely."""
    return items[int(chance() * len(items))]


def popular(chance: Chance, count: int) -> int:
    """Return a place below `count` by a Zipf law of exponent 1: the first has ln 2 / ln `count` of all."""
    return int(count ** chance()) - 1


@dataclass(frozen=True, slots=True)
class Sizes:
    """Sizes in bytes by percentile."""

    table: tuple[int, ...]

    def at(self, share: float) -> int:
        """Return the size that `share` of all records stay below."""
        return self.table[int(share * len(self.table))]


def sizes(p50: int, p90: int, p99: int, most: int) -> Sizes:
    """Return log-normal sizes through p50 and p90, with the tail that p99 and `most` give."""
    logs = tuple(math.log(size) for size in (p50, p90, p99, most))
    normal = NormalDist()

    def at(score: float) -> int:
        if score < 0:
            return int(math.exp(logs[0] + score * min(_LOW_SLOPE, (logs[1] - logs[0]) / _SCORES[1])))
        place = 0 if score < _SCORES[1] else 1 if score < _SCORES[2] else 2
        part = (score - _SCORES[place]) / (_SCORES[place + 1] - _SCORES[place])
        return min(most, int(math.exp(logs[place] + part * (logs[place + 1] - logs[place]))))

    return Sizes(tuple(at(normal.inv_cdf((step + 0.5) / _STEPS)) for step in range(_STEPS)))


def published_day(chance: Chance) -> int:
    """Return a day, a third of all in the newest year and fewer in each year before."""
    years_ago = min(int(math.log(1 - chance() or 1e-9) / math.log(2 / 3)), 13)
    return max(NEWEST_DAY - years_ago * 365 - int(chance() * 365), 0)


def instant(chance: Chance, day: int) -> str:
    """Return a time of a day, in one of the spellings in use: whole seconds, or one to six digits more."""
    second = int(chance() * 86400)
    digits = int(chance() * 14)
    fraction = "" if digits > 6 or not digits else f".{int(chance() * 10**digits):0{digits}d}"  # noqa: PLR2004 - microseconds
    return f"{DAYS[day]}T{second // 3600:02d}:{second // 60 % 60:02d}:{second % 60:02d}{fraction}Z"
