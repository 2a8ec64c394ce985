"""Disks, database and bus that fail under a running suite cost time, never evidence, runs or events."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest

from cli.stella.exit_codes import ExitCode
from tests.bad_days.case import LEDGER_KEPT, Case, check
from tests.bad_days.cases.stores import CASES, PROFILE, seed
from tests.bad_days.stores import World, world

pytestmark = pytest.mark.bad_days


@pytest.fixture(scope="module")
def worn(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    with world(tmp_path_factory.mktemp("worn")) as running:
        seed(running)
        yield running


def held(worn: World) -> Any:
    return worn.suite.json("evidence", "status")["datasets"]


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.title)
def test_it_is_said_and_the_suite_goes_on(worn: World, case: Case[World]) -> None:
    before = held(worn)
    runs = len(worn.suite.json("export", "run", "list", "--limit", "0")["runs"]) if case.line == "" else 0
    check(case, case.bring(worn))
    worn.mend()
    if case.kept == LEDGER_KEPT:
        assert held(worn) == before
    if case.line == "":
        after = worn.suite.json("export", "run", "list", "--limit", "0")["runs"]
        assert len(after) == runs + 1
        assert after[0]["state"] == "STATE_SUCCEEDED"
    if case.exit_code is ExitCode.RUN_FAILED:
        failed = worn.suite.json("export", "run", "list", "--limit", "1")["runs"][0]
        retried = worn.stella("export", "run", "retry", failed["name"].rpartition("/")[2], "--wait", "--json")
        assert json.loads(retried.out)["state"] == "STATE_SUCCEEDED"
    assert worn.suite.export(PROFILE)["state"] == "STATE_SUCCEEDED"
