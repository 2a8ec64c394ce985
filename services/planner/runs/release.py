"""Decides which shards go next: weighted round robin over tenants, within limits of what is under way.

Invariants: what is under way never passes a limit; while there is room and a tenant below its own limit
waits, something is released; a tenant that waits is served in proportion to its weight, whatever the others
pile up.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

DEFAULT_WEIGHT = 1


@dataclass(frozen=True, slots=True)
class Backlog:
    """Shards of one run: waiting, and under way."""

    tenant: str
    run: str
    waiting: int
    in_flight: int


@dataclass(frozen=True, slots=True)
class Limits:
    """How many shards may be under way: of all tenants together, and of one."""

    together: int
    tenant: int


@dataclass(frozen=True, slots=True)
class Release:
    """How many shards of each run go now; `credits` goes into the next call."""

    grants: Mapping[str, int]
    credits: Mapping[str, int]


def release(
    backlogs: Sequence[Backlog], credits_before: Mapping[str, int], weights: Mapping[str, int], limits: Limits
) -> Release:
    """Return what may go now.

    Each shard released is one turn: every tenant that could take it earns its weight, the richest gets it and
    pays what all have earned. So within any stretch of turns a waiting tenant gets its share, and a tenant
    that comes anew starts with nothing saved or owed.
    """
    lines = _lines(backlogs)
    room = limits.together - sum(line.in_flight for line in lines.values())
    balance = {tenant: credits_before.get(tenant, 0) for tenant, line in lines.items() if line.waiting}
    grants: dict[str, int] = {}
    while room > 0:
        able = sorted(
            tenant for tenant in balance if lines[tenant].waiting and lines[tenant].in_flight < limits.tenant
        )
        if not able:
            break
        for tenant in able:
            balance[tenant] += weights.get(tenant, DEFAULT_WEIGHT)
        chosen = max(able, key=lambda tenant: balance[tenant])
        balance[chosen] -= sum(weights.get(tenant, DEFAULT_WEIGHT) for tenant in able)
        run = lines[chosen].take()
        grants[run] = grants.get(run, 0) + 1
        room -= 1
    return Release(grants, {tenant: left for tenant, left in balance.items() if lines[tenant].waiting})


class _Line:
    """The runs of one tenant; the one with the least under way goes first, the older one of equals."""

    def __init__(self) -> None:
        self._runs: dict[str, Backlog] = {}
        self.waiting = 0
        self.in_flight = 0

    def add(self, backlog: Backlog) -> None:
        self._runs[backlog.run] = backlog
        self.waiting += backlog.waiting
        self.in_flight += backlog.in_flight

    def take(self) -> str:
        ready = (found for found in self._runs.values() if found.waiting)
        found = min(ready, key=lambda backlog: (backlog.in_flight, backlog.run))
        self._runs[found.run] = Backlog(found.tenant, found.run, found.waiting - 1, found.in_flight + 1)
        self.waiting -= 1
        self.in_flight += 1
        return found.run


def _lines(backlogs: Sequence[Backlog]) -> dict[str, _Line]:
    lines: dict[str, _Line] = {}
    for backlog in backlogs:
        lines.setdefault(backlog.tenant, _Line()).add(backlog)
    return lines
