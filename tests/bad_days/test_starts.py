"""A suite that cannot start says why in one line, with the documented exit code, and keeps its data."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.bad_days.case import Case, Day, check
from tests.bad_days.cases.starts import QUICK, SLOW
from tests.kit.suite import running_suite


@pytest.mark.parametrize("case", QUICK, ids=lambda case: case.title)
def test_a_start_that_fails_says_why(day: Day, case: Case[Day]) -> None:
    check(case, case.bring(day))
    assert day.stella("evidence", "status").code == 0


@pytest.mark.bad_days
@pytest.mark.parametrize("case", SLOW, ids=lambda case: case.title)
def test_a_start_without_room_or_bus_says_why(day: Day, case: Case[Day]) -> None:
    check(case, case.bring(day))


@pytest.mark.bad_days
def test_broken_ports_cost_nothing_but_other_ports(tmp_path: Path) -> None:
    data = tmp_path / "data"
    for text in ('{"http":', '{"http": 99999999, "evidence": -4, "nats": true, "planner": null}'):
        data.mkdir(mode=0o700, exist_ok=True)
        (data / "ports.json").write_text(text, encoding="utf-8")
        with running_suite(data) as suite:
            assert suite.try_stella("evidence", "status").returncode == 0
