"""The demonstration runs to its end, and the commands that it prints work when pasted."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.kit.suite import base_environment

SECONDS = 280


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, subprocess.CompletedProcess[str]]:
    place = tmp_path_factory.mktemp("demo")
    ended = subprocess.run(
        [sys.executable, "-m", "cli.stella.demo"],
        cwd=place,
        env=base_environment(place),
        capture_output=True,
        text=True,
        timeout=SECONDS,
        check=False,
    )
    assert ended.returncode == 0, ended.stdout + ended.stderr
    return place, ended


Demo = tuple[Path, subprocess.CompletedProcess[str]]


def printed(said: str, after: str) -> str:
    return next(line.split()[1] for line in said.splitlines() if line.startswith(f"  {after} "))


def test_the_bundle_is_where_it_says(demo: Demo) -> None:
    place, ended = demo
    bundle = place / printed(ended.stdout, "bundle")
    manifest = json.loads((bundle.with_suffix("") / "export.json").read_bytes())
    assert (bundle.stem, manifest["profile"]["name"]) == (manifest["exportId"], "demo")
    assert bundle.with_suffix(".pub").read_text(encoding="ascii").startswith("-----BEGIN PUBLIC KEY-----")


def test_quarantine_is_seen_at_work(demo: Demo) -> None:
    assert "1 record put aside (number-out-of-range 1)" in demo[1].stderr


def test_nothing_of_the_user_is_touched_and_nothing_stays_up(demo: Demo) -> None:
    place, _ = demo
    assert not (place / "build/demo/data/ready.json").exists()
    assert not (place / "config.json").exists()


@pytest.mark.cosign
def test_the_printed_commands_work(demo: Demo) -> None:
    place, ended = demo
    commands = [line for line in ended.stdout.splitlines() if "--insecure-ignore-tlog=true" in line]
    offline = {"HTTPS_PROXY": "http://127.0.0.1:9", "SIGSTORE_ROOT_FILE": os.devnull}
    assert len(commands) == 2
    for command in commands:
        done = subprocess.run(
            ["sh", "-c", command],
            cwd=place,
            env={**os.environ, **offline},
            capture_output=True,
            text=True,
            check=False,
        )
        assert (done.returncode, "Verified OK" in done.stderr) == (0, True), done.stderr
