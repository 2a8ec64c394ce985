"""`stella up` brings the suite up, keeps it up, survives what dies, and leaves nothing behind."""

from __future__ import annotations

import json
import os
import signal
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from tests.kit import made_up
from tests.kit.suite import Suite, running_suite

WAIT_SECONDS = 60.0
SERVICES = ("evidence", "adapter_host", "signer", "planner", "distributor", "gateway")


@pytest.fixture(scope="module")
def suite(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Suite]:
    with running_suite(tmp_path_factory.mktemp("up") / "data") as running:
        yield running


def children(suite: Suite) -> list[psutil.Process]:
    return psutil.Process(suite.process.pid).children(recursive=True)


def secrets_of(data: Path) -> list[str]:
    files = [path for path in (data / "secrets").rglob("*") if path.is_file()] + list(
        (data / "tokens").iterdir()
    )
    return [text for path in files if (text := path.read_text(encoding="ascii").strip())]


def test_every_service_runs_once(suite: Suite) -> None:
    counts = {service: len(suite.processes(f"services.{service}")) for service in SERVICES}
    assert counts == dict.fromkeys(SERVICES, 1)


def test_the_context_leads_to_it(suite: Suite) -> None:
    shown = json.loads(suite.stella("context", "show", "local", "--json"))
    assert (shown["server"], shown["tenant"], shown["current"]) == (suite.url, "demo", True)


def test_what_a_user_needs_next_is_said(suite: Suite) -> None:
    said = (suite.data / "up.log").read_text(encoding="utf-8")
    for wanted in (suite.url, "demo-admin.token", "stella evidence import", "gateway", "RESTARTS"):
        assert wanted in said


def test_no_secret_is_in_a_log_or_on_a_command_line(suite: Suite) -> None:
    said = "".join(path.read_text(encoding="utf-8", errors="replace") for path in suite.data.rglob("*.log"))
    lines = [" ".join(child.cmdline()) for child in children(suite)]
    for secret in secrets_of(suite.data):
        assert secret not in said
        assert not any(secret in line for line in lines)


def test_secrets_are_for_their_owner_alone(suite: Suite) -> None:
    modes = {
        path.stat().st_mode & 0o077
        for folder in ("secrets", "tokens")
        for path in (suite.data / folder).rglob("*")
    }
    assert modes == {0}


@pytest.mark.parametrize("service", SERVICES)
def test_a_service_that_is_killed_comes_back(suite: Suite, service: str) -> None:
    before = suite.processes(f"services.{service}")[0].pid
    os.kill(before, signal.SIGKILL)
    deadline = time.monotonic() + WAIT_SECONDS
    while time.monotonic() < deadline:
        found = [process.pid for process in suite.processes(f"services.{service}")]
        if found and found[0] != before and suite.try_stella("evidence", "status").returncode == 0:
            break
        time.sleep(0.05)
    assert suite.try_stella("evidence", "status").returncode == 0
    assert f"{service} was ended by SIGKILL; starting it again" in (suite.data / "up.log").read_text()


def test_data_ports_and_tokens_survive_a_restart(tmp_path: Path) -> None:
    data = tmp_path / "data"
    evidence = made_up.write(tmp_path / "images", (made_up.sbom(number, 2_000) for number in range(3)))
    with running_suite(data) as first:
        first.stella("evidence", "import", evidence)
        before = (first.stella("evidence", "status", "--json"), (data / "ports.json").read_bytes(), first.url)
        processes = children(first)
    gone, alive = psutil.wait_procs(processes, timeout=5)
    assert (len(gone) > len(SERVICES), alive) == (True, [])
    assert not (data / "ready.json").exists()
    with running_suite(data) as second:
        after = (
            second.stella("evidence", "status", "--json"),
            (data / "ports.json").read_bytes(),
            second.url,
        )
    assert after == before


def test_nothing_is_left_when_the_supervisor_is_killed_and_the_next_start_works(tmp_path: Path) -> None:
    data = tmp_path / "data"
    with running_suite(data) as first:
        processes = children(first)
        first.process.kill()
        _, alive = psutil.wait_procs(processes, timeout=WAIT_SECONDS)
        assert alive == []
    (data / "ready.json").unlink()
    with running_suite(data) as second:
        assert second.try_stella("evidence", "status").returncode == 0


def test_it_stops_within_half_a_minute(tmp_path: Path) -> None:
    with running_suite(tmp_path / "data") as running:
        begun = time.monotonic()
        running.process.send_signal(signal.SIGINT)
        assert running.process.wait(40) == 0
        assert time.monotonic() - begun < 30
