"""Disks, database and bus that fail under a running suite cost time, never evidence, runs or events."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest

from cli.stella.exit_codes import ExitCode
from tests.bad_days.case import LEDGER_KEPT, Case, check
from tests.bad_days.cases.stores import CASES, PROFILE, seed
from tests.bad_days.disks import filled, mounted
from tests.bad_days.documents import osv
from tests.bad_days.stores import BUS_BYTES, World, world
from tests.kit import made_up
from tests.kit.suite import Suite, running_suite, short

pytestmark = pytest.mark.bad_days
SAID_SECONDS = 60.0
SUITE_BYTES = 256 << 20
LOG_PIECES = 20  # of the database's log, more than it keeps ready


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


def test_the_suite_gives_its_own_bus_a_new_start_once_its_full_disk_has_room(tmp_path: Path) -> None:
    data = tmp_path / "data"
    data.mkdir(mode=0o700)
    with mounted(data / "nats", BUS_BYTES) as disk, running_suite(data) as suite:
        suite.stella("evidence", "import", made_up.write(tmp_path / "feed", [("a.json", osv("BUS-1", "1"))]))
        suite.stella("export", "profile", "create", PROFILE, "--kind", "json:raw")
        before = [process.pid for process in suite.processes(str(data / "nats" / "nats.json"))]
        with filled(disk):
            run = suite.json("export", "run", "start", PROFILE)
            wait_until_said(data / "up.log", f"the disk of `{data / 'nats'}` is full: runs wait.")
        suite.stella("export", "run", "watch", short(run))
        assert [process.pid for process in suite.processes(str(data / "nats" / "nats.json"))] != before
        said = (data / "up.log").read_text(encoding="utf-8")
        assert (said.count("is full: runs wait."), said.count("nats ended")) == (1, 1)


def test_a_full_disk_under_the_whole_suite_costs_time_alone(tmp_path: Path) -> None:
    with mounted(tmp_path / "data", SUITE_BYTES) as disk, running_suite(disk) as suite:
        suite.stella("evidence", "import", made_up.write(tmp_path / "feed", [("a.json", osv("ALL-1", "1"))]))
        suite.stella("export", "profile", "create", PROFILE, "--kind", "json:raw")
        before = suite.json("evidence", "status")["datasets"]
        with filled(disk):
            folder = made_up.write(tmp_path / "more", [made_up.sbom(1, 1 << 20)])
            assert suite.try_stella("evidence", "import", folder).returncode == ExitCode.TRY_LATER
            write_until_the_database_ends(suite)
            assert suite.try_stella("evidence", "status").returncode == ExitCode.TRY_LATER
        deadline = time.monotonic() + SAID_SECONDS
        while (ended := suite.try_stella("evidence", "status")).returncode:
            assert time.monotonic() < deadline, ended.stderr
        assert suite.json("evidence", "status")["datasets"] == before
        assert suite.export(PROFILE)["state"] == "STATE_SUCCEEDED"


def write_until_the_database_ends(suite: Suite) -> None:
    with pytest.raises(psycopg.OperationalError):
        write_log(suite)


def write_log(suite: Suite) -> None:
    port = json.loads((suite.data / "ports.json").read_bytes())["postgres"]
    password = (suite.data / "secrets" / "postgres").read_text(encoding="ascii")
    url = f"postgresql://postgres@127.0.0.1:{port}/postgres"
    for _ in range(LOG_PIECES):
        with psycopg.connect(url, password=password, autocommit=True) as connection:
            connection.execute("SELECT pg_logical_emit_message(true, 'full', 'disk')")
            connection.execute("SELECT pg_switch_wal()")


def wait_until_said(log: Path, text: str) -> None:
    deadline = time.monotonic() + SAID_SECONDS
    while text not in log.read_text(encoding="utf-8"):
        assert time.monotonic() < deadline, log.read_text(encoding="utf-8")
        time.sleep(0.1)
