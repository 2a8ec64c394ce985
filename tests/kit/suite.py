"""The whole suite as a user runs it: `stella up` in a folder of its own, spoken to by the real command."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil

from cli.stella.supervise.ports import free_port

START_SECONDS = 120.0
STOP_SECONDS = 60.0
COMMAND_SECONDS = 240.0


@dataclass(frozen=True, slots=True)
class Suite:
    """A running suite."""

    data: Path
    url: str
    process: subprocess.Popen[bytes]

    def environment(self, tenant: str = "demo", role: str = "admin") -> dict[str, str]:
        """Return the environment of a user of `tenant`."""
        token = self.data / "tokens" / f"{tenant}-{role}.token"
        return {
            **base_environment(self.data),
            "STELLA_SERVER": self.url,
            "STELLA_TENANT": tenant,
            "STELLA_TOKEN_FILE": str(token),
        }

    def token(self, tenant: str, role: str) -> str:
        """Make a token and return it."""
        run_stella(
            self.environment(),
            ["token", "issue", "--tenant", tenant, "--role", role, "--data", str(self.data)],
        ).check_returncode()
        return (self.data / "tokens" / f"{tenant}-{role}.token").read_text(encoding="ascii").strip()

    def try_stella(
        self, *arguments: str | Path, tenant: str = "demo", role: str = "admin"
    ) -> subprocess.CompletedProcess[str]:
        """Run a command and return how it ended."""
        return run_stella(self.environment(tenant, role), [str(argument) for argument in arguments])

    def stella(self, *arguments: str | Path, tenant: str = "demo", role: str = "admin") -> str:
        """Run a command that must succeed and return its data."""
        ended = self.try_stella(*arguments, tenant=tenant, role=role)
        assert ended.returncode == 0, (
            f"{arguments} ended with {ended.returncode}:\n{ended.stderr}{ended.stdout}"
        )
        return ended.stdout

    def json(self, *arguments: str | Path, tenant: str = "demo") -> Any:
        """Run a command that must succeed and return its JSON."""
        return json.loads(self.stella(*arguments, "--format", "json", tenant=tenant))

    def export(self, profile: str, *options: str) -> dict[str, Any]:
        """Run a profile to its end and return the run."""
        run: dict[str, Any] = self.json("export", "run", "start", profile, "--wait", *options)
        return run

    def download(self, run: dict[str, Any], target: Path) -> bytes:
        """Download a run's bundle and return it."""
        self.stella("export", "download", short(run), "-o", target, "--restart")
        return target.read_bytes()

    def processes(self, module: str) -> list[psutil.Process]:
        """Return the processes of one service, oldest first."""
        children = psutil.Process(self.process.pid).children(recursive=True)
        found = [child for child in children if module in _command(child)]
        return sorted(found, key=lambda child: child.create_time())


def _command(process: psutil.Process) -> list[str]:
    try:
        return process.cmdline()
    except psutil.NoSuchProcess:
        return []


def short(run: dict[str, Any]) -> str:
    """Return the last part of a run's name."""
    return str(run["name"]).rpartition("/")[2]


def base_environment(data: Path) -> dict[str, str]:
    """Return an environment without the user's own contexts and settings."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("STELLA_", "EXPORT_"))}
    return {**kept, "STELLA_CONFIG": str(data / "config.json"), "NO_COLOR": "1"}


def run_stella(environment: dict[str, str], arguments: Sequence[str]) -> subprocess.CompletedProcess[str]:
    """Run `stella` and return how it ended."""
    return subprocess.run(
        [sys.executable, "-m", "cli.stella", *arguments],
        env=environment,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=COMMAND_SECONDS,
        check=False,
    )


def adopt_signing_key(data: Path, other: Path) -> None:
    """Give a suite that was never started the signing key of another."""
    (data / "secrets").mkdir(parents=True, mode=0o700)
    data.chmod(0o700)
    shutil.copytree(other / "keys", data / "keys")
    shutil.copy2(other / "secrets" / "signing-key", data / "secrets" / "signing-key")


@contextlib.contextmanager
def running_suite(
    data: Path,
    *,
    hosts: int = 1,
    settings: dict[str, str] | None = None,
    options: Sequence[str] = (),
    environment: Mapping[str, str] | None = None,
) -> Iterator[Suite]:
    """Run `stella up` in `data` until the end; `settings` are given to every service, `options` to it."""
    data.mkdir(parents=True, exist_ok=True, mode=0o700)
    chosen = [part for name, value in (settings or {}).items() for part in ("--set", f"{name}={value}")]
    log = (data / "up.log").open("ab")
    place = ["--data", str(data), "--hosts", str(hosts)]
    if not (data / "ports.json").exists():
        place += ["--http", str(free_port())]
    command = [sys.executable, "-m", "cli.stella", "up", *place, *chosen, *options]
    process = subprocess.Popen(
        command,
        env={**base_environment(data), **(environment or {})},
        stdin=subprocess.DEVNULL,
        stdout=log,
        stderr=log,
        start_new_session=True,
    )
    try:
        yield Suite(data, _url(data, process), process)
    finally:
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(STOP_SECONDS)
        finally:
            process.kill()
            process.wait()
            log.close()


def _url(data: Path, process: subprocess.Popen[bytes]) -> str:
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline and process.poll() is None:
        try:
            return str(json.loads((data / "ready.json").read_bytes())["url"])
        except FileNotFoundError:
            time.sleep(0.05)
    raise AssertionError("the suite did not start:\n" + (data / "up.log").read_text(encoding="utf-8")[-4000:])
