"""A clock that moves by hours breaks no token, snapshot, lease or run."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.bad_days.case import Case, check
from tests.bad_days.cases.clocks import CASES
from tests.bad_days.clocks import Faked, faked

pytestmark = pytest.mark.bad_days


@pytest.fixture(scope="module")
def moved(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Faked]:
    with faked(tmp_path_factory.mktemp("clock")) as running:
        yield running


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.title)
def test_it_goes_on(moved: Faked, case: Case[Faked]) -> None:
    check(case, case.bring(moved))
    for run in moved.suite.json("export", "run", "list", "--limit", "0").get("runs", []):
        assert run["state"] == "STATE_SUCCEEDED"
