"""The command line starts fast, and loads nothing that a command does not need."""

from __future__ import annotations

import os
import resource
import subprocess
import sys
from pathlib import Path

import pytest

from tests.kit.stella import REPOSITORY, stella_process

HELP_SECONDS = 0.120
VERSION_SECONDS = 0.060
ATTEMPTS = 7
HEAVY = (
    "asyncio", "cryptography", "google.protobuf", "grpc", "httpx", "joserfc", "nats", "rich", "sqlalchemy",
    "zstandard",
)  # fmt: skip


def processor_seconds(*arguments: str) -> float:
    """Return what a start costs: processor time, since other work on the machine must not count."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run(
        [sys.executable, "-m", "cli.stella", *arguments], cwd=REPOSITORY, check=True, capture_output=True
    )
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


@pytest.mark.parametrize(
    ("argument", "budget"),
    [("--version", VERSION_SECONDS), ("--help", HELP_SECONDS)],
    ids=["version", "help"],
)
def test_a_start_stays_within_its_budget(argument: str, budget: float) -> None:
    assert min(processor_seconds(argument) for _ in range(ATTEMPTS)) < budget


def test_help_loads_nothing_heavy() -> None:
    probe = "import sys; from cli.stella.app import run; run(['--help']); print(*sys.modules)"
    ended = subprocess.run(
        [sys.executable, "-c", probe], cwd=REPOSITORY, check=True, capture_output=True, text=True
    )
    loaded = set(ended.stdout.splitlines()[-1].split())
    assert {name for name in HEAVY if name in loaded} == set()


def test_version_is_a_command_and_a_flag(tmp_path: Path) -> None:
    flag = stella_process("--version", config=tmp_path / "config.json")
    command = stella_process("version", "--format", "name", config=tmp_path / "config.json")
    assert flag.out == f"stella {command.out}"


def test_a_reader_that_goes_away_ends_the_command_without_a_word() -> None:
    shell = f"{sys.executable} -m cli.stella export profile create --help | head -c 10"
    ended = subprocess.run(
        ["sh", "-c", shell], cwd=REPOSITORY, env=dict(os.environ), check=True, capture_output=True, text=True
    )
    assert ended.stderr == ""
