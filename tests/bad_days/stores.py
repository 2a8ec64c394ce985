"""A suite whose database, bus and blob store can be taken away and brought back while it runs."""

from __future__ import annotations

import contextlib
import json
import signal
import subprocess
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from cli.stella.supervise import nats as embedded_nats
from cli.stella.supervise.ports import free_port
from cli.stella.supervise.postgres import EmbeddedPostgres
from tests.bad_days.case import Day
from tests.bad_days.disks import mounted
from tests.kit.infrastructure import wait_for_port, wait_for_postgres
from tests.kit.suite import Suite, running_suite

PASSWORD = "secret"
STORE_BYTES = 24 << 20  # room for what the cases import and export, quickly filled


class Server:
    """A server that comes and goes, always with the same data on the same port."""

    def __init__(
        self,
        command: Sequence[str],
        user: str | None,
        log: Path,
        wait: Callable[[subprocess.Popen[bytes]], None],
    ) -> None:
        self._command = command
        self._user = user
        self._log = log
        self._wait = wait
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start it unless it runs."""
        if self._process is not None and self._process.poll() is None:
            return
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(self._command, user=self._user, cwd="/", stdout=log, stderr=log)
        self._wait(self._process)

    def stop(self) -> None:
        """Stop it, as an administrator does."""
        if self._process is not None:
            self._process.send_signal(signal.SIGINT)
            self._process.wait(30)
            self._process = None


@dataclass(frozen=True, slots=True)
class World(Day):
    """A suite, and what it stands on."""

    database: Server
    bus: Server
    blobs: Path

    def mend(self) -> None:
        """Bring everything back."""
        self.database.start()
        self.bus.start()


@contextlib.contextmanager
def world(folder: Path) -> Iterator[World]:
    """Run a suite on a PostgreSQL, a NATS and a small disk of its own."""
    database, port = EmbeddedPostgres(folder / "postgres", free_port(), PASSWORD), free_port()
    database.initialise()
    config = folder / "nats.json"
    config.write_text(
        json.dumps({"listen": f"127.0.0.1:{port}", "jetstream": {"store_dir": str(folder / "nats")}}),
        encoding="utf-8",
    )
    servers = (
        Server(
            database.command(),
            database.user,
            folder / "postgres.log",
            lambda process: wait_for_postgres(database.url, process),
        ),
        Server(
            embedded_nats.command(config),
            None,
            folder / "nats.log",
            lambda process: wait_for_port(port, process),
        ),
    )
    (folder / "password").write_text(PASSWORD, encoding="ascii")
    options = ["--database-url", database.url, "--database-password-file", str(folder / "password")]
    options += ["--nats-url", f"nats://127.0.0.1:{port}", "--blobs-url", f"file://{folder / 'blobs'}"]
    with contextlib.ExitStack() as stack:
        blobs = stack.enter_context(mounted(folder / "blobs", STORE_BYTES))
        for server in servers:
            stack.callback(server.stop)
            server.start()
        suite: Suite = stack.enter_context(running_suite(folder / "data", options=options))
        yield World(suite, folder, *servers, blobs)
