"""The gateway as a process: it says where it is, and ends when it is told to."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest

from tests.kit.gateway import ISSUER, NOBODY, settings

SOON_SECONDS = 30.0


def environment(folder: Path, **chosen: str) -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith("EXPORT_")}
    made = settings(folder)
    given = {
        "jwks_file": made.jwks_file,
        "token_issuer": ISSUER,
        "http_listen": "127.0.0.1:0",
        "ready_file": str(folder / "ready"),
        "distributor_http": made.distributor_http,
        **{
            f"{name}_address": NOBODY
            for name in ("planner", "adapter_host", "signer", "distributor", "evidence")
        },
        **chosen,
    }
    return kept | {f"EXPORT_{name.upper()}": value for name, value in given.items()}


@contextmanager
def started(folder: Path, **chosen: str) -> Iterator[subprocess.Popen[str]]:
    with subprocess.Popen(
        [sys.executable, "-m", "services.gateway"],
        env=environment(folder, **chosen),
        stderr=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        try:
            yield process
        finally:
            process.kill()


def address(folder: Path) -> str:
    deadline = time.monotonic() + SOON_SECONDS
    while not (folder / "ready").exists():
        assert time.monotonic() < deadline
        time.sleep(0.02)
    return f"http://{(folder / 'ready').read_text()}"


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_it_cleanly(tmp_path: Path, number: signal.Signals) -> None:
    with started(tmp_path) as process:
        url = address(tmp_path)
        with httpx.Client(base_url=url) as client:
            assert client.get("/healthz").json() == {"status": "alive"}
            # The connection stays open: it must not hold the end up.
            process.send_signal(number)
            assert process.wait(SOON_SECONDS) == 0


@pytest.mark.parametrize(
    ("name", "value"),
    [("http_listen", "256.0.0.1:1"), ("http_listen", "nowhere"), ("request_seconds", "0")],
)
def test_a_setting_that_cannot_be_used_is_named(tmp_path: Path, name: str, value: str) -> None:
    with started(tmp_path, **{name: value}) as process:
        _, said = process.communicate(timeout=SOON_SECONDS)
    assert process.returncode == 1
    assert f"EXPORT_{name.upper()}" in said
    assert "Traceback" not in said
