"""A suite whose database, bus and blob store can be taken away and brought back while it runs."""

from __future__ import annotations

import contextlib
import json
import signal
import subprocess
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import psycopg

from cli.stella.supervise import nats as embedded_nats
from cli.stella.supervise.ports import free_port
from cli.stella.supervise.postgres import EmbeddedPostgres
from tests.bad_days.case import Day
from tests.bad_days.disks import mounted
from tests.kit.infrastructure import wait_for_port, wait_for_postgres
from tests.kit.suite import running_suite

PASSWORD = "secret"
STORE_BYTES = 24 << 20  # room for what the cases import and export, quickly filled
DATABASE_BYTES = 192 << 20  # an empty database has 40 MiB, and its log grows by pieces of 16 MiB
BUS_BYTES = 32 << 20
_SAID_SECONDS = 30.0


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

    def said(self) -> str:
        """Return its log."""
        return self._log.read_text(encoding="utf-8", errors="replace")

    def wait_until_said(self, text: str, since: int) -> None:
        """Return once `text` stands in its log behind the first `since` characters."""
        deadline = time.monotonic() + _SAID_SECONDS
        while text not in self.said()[since:]:
            assert time.monotonic() < deadline, f"the server did not say `{text}`"
            time.sleep(0.1)

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
    disks: Path
    database_url: str

    @property
    def database_disk(self) -> Path:
        """The disk under the database."""
        return self.disks / "database"

    @property
    def bus_disk(self) -> Path:
        """The disk under the bus."""
        return self.disks / "bus"

    def execute(self, statement: str) -> None:
        """Run a statement as the database's superuser."""
        with psycopg.connect(self.database_url, password=PASSWORD, autocommit=True) as connection:
            connection.execute(statement)

    def mend(self) -> None:
        """Bring everything back."""
        self.database.start()
        self.bus.start()


@contextlib.contextmanager
def world(folder: Path) -> Iterator[World]:
    """Run a suite on a PostgreSQL, a NATS and a blob store, each on a small disk of its own."""
    disks = folder / "disks"
    with contextlib.ExitStack() as stack:
        blobs = stack.enter_context(mounted(disks / "blobs", STORE_BYTES))
        stack.enter_context(mounted(disks / "database", DATABASE_BYTES))
        stack.enter_context(mounted(disks / "bus", BUS_BYTES))
        postgres, port = EmbeddedPostgres(disks / "database" / "data", free_port(), PASSWORD), free_port()
        postgres.initialise()
        servers = (_database(postgres, folder), _bus(port, disks / "bus", folder))
        for server in servers:
            stack.callback(server.stop)
            server.start()
        (folder / "password").write_text(PASSWORD, encoding="ascii")
        options = ["--database-url", postgres.url, "--database-password-file", str(folder / "password")]
        options += ["--nats-url", f"nats://127.0.0.1:{port}", "--blobs-url", f"file://{blobs}"]
        settings = {"points_directory": str(folder / "points")}
        suite = stack.enter_context(running_suite(folder / "data", options=options, settings=settings))
        yield World(suite, folder, *servers, blobs, disks, postgres.url)


def _database(postgres: EmbeddedPostgres, folder: Path) -> Server:
    return Server(
        postgres.command(),
        postgres.user,
        folder / "postgres.log",
        lambda process: wait_for_postgres(postgres.url, process),
    )


def _bus(port: int, data: Path, folder: Path) -> Server:
    config = folder / "nats.json"
    document = {"listen": f"127.0.0.1:{port}", "jetstream": {"store_dir": str(data)}}
    config.write_text(json.dumps(document), encoding="utf-8")
    return Server(
        embedded_nats.command(config),
        None,
        folder / "nats.log",
        lambda process: wait_for_port(port, process),
    )
