"""Real PostgreSQL and real NATS for a test session, and a database of its own for each service under test."""

from __future__ import annotations

import contextlib
import secrets
import signal
import socket
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import psycopg

from cli.stella.supervise import nats as embedded_nats
from cli.stella.supervise.ports import free_port
from cli.stella.supervise.postgres import EmbeddedPostgres
from libs.common.bus.client import Bus, provision
from libs.common.bus.subjects import PERMISSIONS
from libs.common.db.engine import Database
from libs.common.db.migrate import migrate
from libs.common.db.provision import SERVICES
from libs.common.db.provision import provision as provision_database

START_SECONDS = 30.0


@dataclass(frozen=True, slots=True)
class Postgres:
    """A running server."""

    url: str
    password: str

    def new_database(self) -> TestDatabase:
        """Make an empty database with all schemas and roles."""
        name = f"test_{secrets.token_hex(6)}"
        passwords = {role: "secret" for service in SERVICES for role in (service, f"{service}_owner")}
        provision_database(self.url, self.password, name, passwords)
        return TestDatabase(self.url.rsplit("@", 1)[1].split("/", 1)[0], name)

    def execute(self, database: str, statement: str) -> list[tuple[object, ...]]:
        """Run a statement as the superuser."""
        url = self.url.rsplit("/", 1)[0] + "/" + database
        with psycopg.connect(url, password=self.password, autocommit=True) as connection:
            cursor = connection.execute(statement)
            return cursor.fetchall() if cursor.description else []


@dataclass(frozen=True, slots=True)
class TestDatabase:
    """A database with every role's password set to `secret`."""

    __test__ = False

    address: str
    name: str

    def url(self, role: str) -> str:
        """Return the URL of one role."""
        return f"postgresql://{role}@{self.address}/{self.name}"

    def migrate(self, service: str) -> None:
        """Bring one service's schema to its newest version."""
        migrate(service, self.url(f"{service}_owner"), "secret")

    def open(self, service: str) -> Database:
        """Open it as the service's runtime role."""
        return Database(self.url(service), "secret", service)


@dataclass(frozen=True, slots=True)
class Nats:
    """A running server; each user's password is `secret`."""

    url: str

    async def connect(self, service: str) -> Bus:
        """Connect as one service."""
        return await Bus.connect(self.url, service, "secret", f"test-{service}")

    async def provision(self) -> None:
        """Make the streams."""
        bus = await self.connect("provision")
        await provision(bus)
        await bus.close()


@contextlib.contextmanager
def running_postgres(directory: Path) -> Iterator[Postgres]:
    """Start PostgreSQL in `directory` and stop it at the end."""
    server = EmbeddedPostgres(directory, free_port(), "secret")
    server.initialise()
    log = (directory.parent / "postgres.log").open("ab")
    with subprocess.Popen(server.command(), user=server.user, cwd="/", stdout=log, stderr=log) as process:
        try:
            wait_for_postgres(server.url, process)
            yield Postgres(server.url, "secret")
        finally:
            process.send_signal(signal.SIGINT)
            process.wait(30)
            log.close()


def wait_for_postgres(url: str, process: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + START_SECONDS
    while True:
        try:
            psycopg.connect(url, password="secret", connect_timeout=2).close()
        except psycopg.OperationalError:
            if process.poll() is not None or time.monotonic() > deadline:
                raise
            time.sleep(0.05)
        else:
            return


def wait_for_port(port: int, process: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + START_SECONDS
    while True:
        try:
            socket.create_connection(("127.0.0.1", port), timeout=2).close()
        except OSError:
            if process.poll() is not None or time.monotonic() > deadline:
                raise
            time.sleep(0.02)
        else:
            return


@contextlib.contextmanager
def running_nats(directory: Path) -> Iterator[Nats]:
    """Start NATS in `directory` and stop it at the end."""
    directory.mkdir(parents=True, exist_ok=True)
    port = free_port()
    embedded_nats.write_config(
        directory / "nats.json", directory / "data", port, dict.fromkeys(PERMISSIONS, "secret")
    )
    log = (directory / "nats.log").open("ab")
    command = embedded_nats.command(directory / "nats.json")
    with subprocess.Popen(command, stdout=log, stderr=log) as process:
        try:
            wait_for_port(port, process)
            yield Nats(f"nats://127.0.0.1:{port}")
        finally:
            process.terminate()
            process.wait(30)
            log.close()
