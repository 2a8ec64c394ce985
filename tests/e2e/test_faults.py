"""What dies in the middle of a run costs time and nothing else."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import psutil
import pytest

from tests.kit import made_up
from tests.kit.suite import Suite, running_suite, short

SOURCES = 12
# A level at which a shard takes long enough to be interrupted, and one shard for each part.
PROFILE = ("--kind", "json:raw", "--compression-level", "19")
HOST = "services.adapter_host"
CALM = "calm"
WAIT_SECONDS = 120.0


@pytest.fixture(scope="module")
def suite(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Suite]:
    place = tmp_path_factory.mktemp("faults")
    with running_suite(place / "data", hosts=2, settings={"shard_bytes": "1048576"}) as running:
        running.token(CALM, "admin")
        for number in range(SOURCES):
            files = (made_up.sbom(number * 100 + part, 400_000) for part in range(4))
            folder = made_up.write(place / f"images-{number}", files)
            running.stella("evidence", "import", folder)
            running.stella("evidence", "import", folder, tenant=CALM)
        yield running


def started(suite: Suite, profile: str, *options: str) -> dict[str, Any]:
    suite.stella("export", "profile", "create", profile, *PROFILE, *options)
    run: dict[str, Any] = suite.json("export", "run", "start", profile)
    return run


def shown(suite: Suite, run: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = suite.json("export", "run", "show", short(run))
    return found


def wait_until(suite: Suite, run: dict[str, Any], shards: int) -> dict[str, Any]:
    """Return the run once so many shards are done and it is still adapting."""
    deadline = time.monotonic() + WAIT_SECONDS
    while time.monotonic() < deadline:
        found = shown(suite, run)
        if int(found.get("progress", {}).get("shardsDone", 0)) >= shards:
            assert found["stage"] == "STAGE_ADAPTING", found
            return found
        assert found["state"] in ("STATE_QUEUED", "STATE_RUNNING"), found
    raise AssertionError(f"{shards} shards were not done in {WAIT_SECONDS} s: {shown(suite, run)}")


def ended(suite: Suite, run: dict[str, Any]) -> dict[str, Any]:
    suite.try_stella("export", "run", "watch", short(run))
    return shown(suite, run)


def record_files(suite: Suite, run: dict[str, Any], tenant: str, target: Path) -> list[tuple[str, str]]:
    """Return path and digest of every file of records in a run's bundle."""
    suite.stella("export", "download", short(run), "--file", "export.json", "-o", target, tenant=tenant)
    contents = json.loads(target.read_bytes())["contents"]
    return [(item["path"], item["digest"]) for item in contents if item["path"].startswith("data/")]


def test_two_hosts_share_a_run_and_killing_either_gives_the_same_digests(
    suite: Suite, tmp_path: Path
) -> None:
    assert len(suite.processes(HOST)) == 2
    for victim in (0, 1):
        # A level of its own keeps the cache from making the run too short to be disturbed.
        level = ("--compression-level", str(17 + victim))
        run = started(suite, f"stormy-{victim}", *level)
        wait_until(suite, run, 1)
        suite.processes(HOST)[victim].kill()
        assert ended(suite, run)["state"] == "STATE_SUCCEEDED"
        disturbed = suite.download(run, tmp_path / f"{victim}.tar")
        assert suite.download(suite.export(f"stormy-{victim}"), tmp_path / f"{victim}-again.tar") == disturbed
        # Another tenant shares no cache: there the same evidence is exported from nothing, undisturbed.
        suite.stella("export", "profile", "create", f"calm-{victim}", *PROFILE, *level, tenant=CALM)
        calm = suite.json("export", "run", "start", f"calm-{victim}", "--wait", tenant=CALM)
        expected = record_files(suite, calm, CALM, tmp_path / f"calm-{victim}.json")
        assert len(expected) == 2 * SOURCES
        assert expected == record_files(suite, run, "demo", tmp_path / f"stormy-{victim}.json")


def test_cancel_in_the_middle_ends_within_a_second_and_the_hosts_fall_silent(suite: Suite) -> None:
    run = started(suite, "cancelled", "--compression-level", "16")
    wait_until(suite, run, 1)
    token = (suite.data / "tokens" / "demo-admin.token").read_text(encoding="ascii").strip()
    with httpx.Client(base_url=suite.url, headers={"Authorization": f"Bearer {token}"}, timeout=30) as client:
        assert client.get(f"/api/export/runs/{short(run)}").json()["state"] == "STATE_RUNNING"
        begun = time.monotonic()
        client.post(f"/api/export/runs/{short(run)}:cancel", json={}).raise_for_status()
        events = client.get(f"/api/export/runs/{short(run)}/events").text
        took = time.monotonic() - begun
        assert client.get(f"/api/export/runs/{short(run)}").json()["state"] == "STATE_CANCELLED"
    assert events.count("event: cancelled") == 1
    assert took < 1.0, took
    fall_silent(suite.processes(HOST))


def fall_silent(hosts: list[psutil.Process]) -> None:
    """Wait until none of them works any more: a segment that is being compressed comes to its end."""
    deadline = time.monotonic() + 5
    spent = [1.0]
    while max(spent) > 0.3:
        assert time.monotonic() < deadline, spent
        before = [sum(host.cpu_times()[:2]) for host in hosts]
        time.sleep(1.0)
        spent = [sum(host.cpu_times()[:2]) - earlier for host, earlier in zip(hosts, before, strict=True)]
