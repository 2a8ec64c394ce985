"""A download that is interrupted goes on where it stopped."""

from __future__ import annotations

import socket
import socketserver
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from tests.kit import made_up
from tests.kit.suite import Suite, running_suite, short

STALL_AFTER = 3_000_000
UNWRITTEN = 300_000  # what a client may hold in memory


class Proxy(socketserver.ThreadingTCPServer):
    """Passes bytes on, counts what comes back, and falls silent after `stall_after` of them."""

    daemon_threads = True
    allow_reuse_address = True

    def __init__(self, upstream: str) -> None:
        super().__init__(("127.0.0.1", 0), Pass)
        parts = urlsplit(upstream)
        assert parts.hostname is not None
        assert parts.port is not None
        self.upstream = (parts.hostname, parts.port)
        self.stall_after: int | None = None
        self.received = 0
        self.stalled = threading.Event()

    @property
    def url(self) -> str:
        """Where it listens."""
        return f"http://127.0.0.1:{self.server_address[1]}"


class Pass(socketserver.BaseRequestHandler):
    """One connection."""

    server: Proxy

    def handle(self) -> None:
        """Pass both ways until one side ends."""
        with socket.create_connection(self.server.upstream) as upstream:
            sender = threading.Thread(target=self._send, args=(upstream,), daemon=True)
            sender.start()
            while data := upstream.recv(65536):
                limit = self.server.stall_after
                if limit is not None and self.server.received + len(data) > limit:
                    self.server.stalled.set()
                    time.sleep(3600)
                self.server.received += len(data)
                self.request.sendall(data)

    def _send(self, upstream: socket.socket) -> None:
        try:
            while data := self.request.recv(65536):
                upstream.sendall(data)
            upstream.shutdown(socket.SHUT_WR)
        except OSError:
            return


@pytest.fixture(scope="module")
def suite(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Suite]:
    place = tmp_path_factory.mktemp("download")
    with running_suite(place / "data") as running:
        files = (made_up.sbom(number, 800_000) for number in range(16))
        running.stella("evidence", "import", made_up.write(place / "images", files))
        running.stella("export", "profile", "create", "heavy", "--kind", "json:raw")
        yield running


@pytest.fixture
def proxy(suite: Suite) -> Iterator[Proxy]:
    with Proxy(suite.url) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield server
        server.shutdown()


def wait_until_written(path: Path, size: int) -> None:
    deadline = time.monotonic() + 60
    while not path.exists() or path.stat().st_size < size:
        assert time.monotonic() < deadline
        time.sleep(0.02)


def test_a_killed_download_fetches_only_what_is_missing(suite: Suite, proxy: Proxy, tmp_path: Path) -> None:
    run: dict[str, Any] = suite.export("heavy")
    whole = suite.download(run, tmp_path / "straight.tar")
    assert len(whole) > 2 * STALL_AFTER
    target = tmp_path / "resumed.tar"
    command = [sys.executable, "-m", "cli.stella", "export", "download", short(run), "-o", str(target)]
    environment = {**suite.environment(), "STELLA_SERVER": proxy.url}
    proxy.stall_after = STALL_AFTER
    with subprocess.Popen(
        command, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    ) as first:
        assert proxy.stalled.wait(60)
        wait_until_written(target.with_name(target.name + ".part"), STALL_AFTER - UNWRITTEN)
        first.kill()
    assert not target.exists()
    proxy.stall_after, proxy.received = None, 0
    second = subprocess.run(
        command, env=environment, capture_output=True, text=True, timeout=120, check=False
    )
    assert second.returncode == 0, second.stderr
    assert "resumed" in second.stderr.lower()
    assert target.read_bytes() == whole
    # What the first attempt had received but not yet written is all that may come twice; and headers.
    assert proxy.received < len(whole) - STALL_AFTER + 2 * UNWRITTEN
