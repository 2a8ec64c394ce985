"""Runs the real command line in this process or in one of its own, cut off from the user's contexts."""

from __future__ import annotations

import contextlib
import io
import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from cli.stella.app import run

REPOSITORY = Path(__file__).resolve().parents[2]
RUN_SECONDS = 120


@dataclass(frozen=True, slots=True)
class Ended:
    """How a call ended."""

    code: int
    out: str
    err: str


@contextlib.contextmanager
def _environment(values: Mapping[str, str]) -> Iterator[None]:
    before = dict(os.environ)
    for name in [name for name in os.environ if name.startswith("STELLA_")]:
        del os.environ[name]
    os.environ.update(values)
    try:
        yield
    finally:
        os.environ.clear()
        os.environ.update(before)


def stella(*arguments: str | Path, config: Path, **environment: str) -> Ended:
    """Run a command line in this process."""
    out, err = io.StringIO(), io.StringIO()
    values = {"STELLA_CONFIG": str(config), **environment}
    with _environment(values), contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        code = run([str(argument) for argument in arguments])
    return Ended(code, out.getvalue(), err.getvalue())


@contextlib.contextmanager
def stella_running(*arguments: str | Path, config: Path) -> Iterator[subprocess.Popen[str]]:
    """Start a command line in a process of its own; it is ended at the end."""
    with subprocess.Popen(
        [sys.executable, "-m", "cli.stella", *map(str, arguments)],
        cwd=REPOSITORY,
        env={**os.environ, "STELLA_CONFIG": str(config)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        try:
            yield process
        finally:
            process.kill()


def stella_process(*arguments: str | Path, config: Path, **environment: str) -> Ended:
    """Run a command line in a process of its own."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("STELLA_")}
    ended = subprocess.run(
        [sys.executable, "-m", "cli.stella", *map(str, arguments)],
        cwd=REPOSITORY,
        env={**kept, "STELLA_CONFIG": str(config), **environment},
        capture_output=True,
        text=True,
        timeout=RUN_SECONDS,
        check=False,
    )
    return Ended(ended.returncode, ended.stdout, ended.stderr)
