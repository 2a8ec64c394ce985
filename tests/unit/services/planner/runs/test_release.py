"""Which shards go next."""

from __future__ import annotations

from services.planner.runs.release import Backlog, Limits, release


def grants(*backlogs: Backlog, together: int = 8, tenant: int = 8, **weights: int) -> dict[str, int]:
    return dict(release(backlogs, {}, weights, Limits(together, tenant)).grants)


def test_everything_goes_while_there_is_room() -> None:
    assert grants(Backlog("acme", "r1", 3, 0)) == {"r1": 3}


def test_nothing_goes_without_room() -> None:
    assert grants(Backlog("acme", "r1", 3, 8)) == {}


def test_a_tenant_stays_within_its_own_limit() -> None:
    assert grants(Backlog("acme", "r1", 9, 1), tenant=4) == {"r1": 3}


def test_tenants_share_alike() -> None:
    found = grants(Backlog("acme", "r1", 1000, 0), Backlog("beta", "r2", 1000, 0))
    assert found == {"r1": 4, "r2": 4}


def test_a_small_tenant_gets_all_it_wants() -> None:
    assert grants(Backlog("acme", "r1", 1000, 0), Backlog("beta", "r2", 1, 0)) == {"r1": 7, "r2": 1}


def test_weights_set_the_shares() -> None:
    found = grants(Backlog("acme", "r1", 99, 0), Backlog("beta", "r2", 99, 0), acme=3)
    assert found == {"r1": 6, "r2": 2}


def test_runs_of_one_tenant_share_too() -> None:
    found = grants(Backlog("acme", "r1", 99, 6), Backlog("acme", "r2", 99, 0), together=12, tenant=12)
    assert found == {"r2": 6}


def test_turns_go_on_where_the_last_call_stopped() -> None:
    waiting = [Backlog("acme", "r1", 9, 0), Backlog("beta", "r2", 9, 0)]
    credit: dict[str, int] = {}
    order = []
    for _ in range(4):
        found = release(waiting, credit, {}, Limits(1, 1))
        credit = dict(found.credits)
        order += list(found.grants)
    assert order == ["r1", "r2", "r1", "r2"]
