"""The release of shards over random backlogs and speeds: limits hold, nobody starves."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

from hypothesis import given, settings
from hypothesis import strategies as st

from services.planner.runs.release import Backlog, Limits, release

TENANTS = ("acme", "beta", "core", "dune")
ARRIVALS = st.sampled_from([0, 1, 1000])
WEIGHTS = st.fixed_dictionaries({tenant: st.integers(1, 5) for tenant in TENANTS})


@dataclass
class World:
    """Tenants with work that waits and work under way; what is done leaves at random."""

    weights: dict[str, int]
    limits: Limits
    waiting: Counter[str] = field(default_factory=Counter)
    under_way: Counter[str] = field(default_factory=Counter)
    balance: dict[str, int] = field(default_factory=dict)

    def turn(self) -> dict[str, int]:
        """Release what may go, and return it by tenant."""
        backlogs = [
            Backlog(tenant, f"run-{tenant}", self.waiting[tenant], self.under_way[tenant])
            for tenant in TENANTS
        ]
        found = release(backlogs, self.balance, self.weights, self.limits)
        self.balance = dict(found.credits)
        given_out = {run.removeprefix("run-"): count for run, count in found.grants.items()}
        self.waiting.subtract(given_out)
        self.under_way.update(given_out)
        return given_out


@settings(deadline=None)
@given(WEIGHTS, st.integers(1, 6), st.integers(1, 6), st.data())
def test_limits_hold_and_no_room_is_wasted(
    weights: dict[str, int], together: int, tenant_limit: int, data: st.DataObject
) -> None:
    world = World(weights, Limits(together, tenant_limit))
    for _ in range(20):
        for tenant in TENANTS:
            world.waiting[tenant] += data.draw(st.integers(0, 3))
            done = data.draw(st.integers(0, world.under_way[tenant]))
            world.under_way[tenant] -= done
        world.turn()
        assert world.under_way.total() <= together
        assert all(world.under_way[tenant] <= tenant_limit for tenant in TENANTS)
        able = [
            tenant for tenant in TENANTS if world.waiting[tenant] and world.under_way[tenant] < tenant_limit
        ]
        assert world.under_way.total() == together or not able


@settings(deadline=None)
@given(WEIGHTS, st.sampled_from(TENANTS), st.lists(st.tuples(*[ARRIVALS] * len(TENANTS)), max_size=80))
def test_a_tenant_that_waits_is_served_within_a_round_whatever_others_do(
    weights: dict[str, int], patient: str, arrivals: list[tuple[int, ...]]
) -> None:
    world = World(weights, Limits(1, 1))
    # At most every other tenant comes anew with its weight, and then each pays for what it takes.
    longest_wait = 2 * sum(weights.values()) + len(TENANTS)
    waited = 0
    for arrived in arrivals:
        world.waiting = Counter(dict(zip(TENANTS, arrived, strict=True)) | {patient: 1000})
        world.under_way.clear()
        waited = 0 if world.turn().get(patient) else waited + 1
        assert waited <= longest_wait


@given(WEIGHTS)
def test_shares_are_as_the_weights(weights: dict[str, int]) -> None:
    world = World(weights, Limits(1, 1))
    world.waiting.update(dict.fromkeys(TENANTS, 10_000))
    served: Counter[str] = Counter()
    for _ in range(sum(weights.values()) * 3):
        world.under_way.clear()
        served.update(world.turn())
    assert served == {tenant: weight * 3 for tenant, weight in weights.items()}
