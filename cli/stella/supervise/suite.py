"""Describes the whole suite on one machine: every process with its command, settings and place. Pure."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

from cli.stella.supervise.credentials import AUDIENCE, ISSUER
from cli.stella.supervise.data_dir import DataDir
from cli.stella.supervise.ports import HTTP, LOOPBACK
from cli.stella.supervise.probes import both, file_written, http_ready, port_open, postgres_ready
from cli.stella.supervise.program import Program

DATABASE = "export_center"
DATABASE_SERVICES = ("planner", "signer", "distributor", "evidence")
BUS_SERVICES = ("planner", "adapter_host", "signer", "distributor")
SERVICES = ("evidence", "adapter_host", "signer", "planner", "distributor", "gateway")
PROVISION = "provision"
DISTRIBUTOR_HTTP = "distributor-http"
SETTING_PREFIX = "EXPORT_"
GATEWAY_STOP_SECONDS = 5.0
SERVICE_STOP_SECONDS = 12.0
# A stream that could not be written refuses every message from then on, with room too, until a new start.
NATS_DISK_FULL = b"no space left on device"
DATABASE_STOP_SECONDS = 8.0  # with the others well under the half minute that a stop may take


@dataclass(frozen=True, slots=True)
class Layout:
    """Where everything is: data, ports, and the three stores, embedded or not."""

    data: DataDir
    ports: Mapping[str, int]
    hosts: int
    database_url: str  # of the administrator, without password
    database_password_file: Path
    nats_url: str
    blobs_url: str
    environment: Mapping[str, str]  # of this process
    settings: Mapping[str, str]  # what the user sets for all services

    def address(self, name: str) -> str:
        """Return host and port of a door."""
        return f"{LOOPBACK}:{self.ports[name]}"

    @property
    def url(self) -> str:
        """Where users find the suite."""
        return f"http://{self.address(HTTP)}"


def host_names(hosts: int) -> list[str]:
    """Return the names of the adapter hosts."""
    return ["adapter_host"] if hosts == 1 else [f"adapter_host-{number}" for number in range(1, hosts + 1)]


def port_names(hosts: int, *, database: bool, bus: bool) -> list[str]:
    """Return the names of the ports that are wanted."""
    names = [HTTP, DISTRIBUTOR_HTTP, "evidence", "signer", "planner", "distributor", *host_names(hosts)]
    return [*(["postgres"] if database else []), *(["nats"] if bus else []), *names]


def clean_environment(environment: Mapping[str, str]) -> dict[str, str]:
    """Return this process's environment without settings and without what names a user's server or token."""
    return {
        name: value for name, value in environment.items() if not name.startswith((SETTING_PREFIX, "STELLA_"))
    }


def python(module: str, *arguments: str) -> tuple[str, ...]:
    """Return the command of a module; `-P` keeps the working folder off the import path."""
    return (sys.executable, "-P", "-m", module, *arguments)


def database_jobs(layout: Layout) -> list[Program]:
    """Return what makes the database and brings it to the newest version, in order."""
    passwords = {"EXPORT_PASSWORDS_DIR": str(layout.data.secrets / "database")}
    provision = {
        "EXPORT_ADMIN_URL": _server_url(layout.database_url),
        "EXPORT_ADMIN_PASSWORD_FILE": str(layout.database_password_file),
        "EXPORT_DATABASE": database_name(layout.database_url),
    }
    migrate = {"EXPORT_MIGRATION_URL": role_url(layout.database_url, "owner")}
    return [
        _job(layout, "database-provision", ("libs.common.db", "provision"), {**passwords, **provision}),
        _job(layout, "database-migrate", ("libs.common.db", "migrate"), {**passwords, **migrate}),
    ]


def bus_job(layout: Layout) -> Program:
    """Return what makes the streams."""
    return _job(layout, "bus-provision", ("libs.common.bus", "provision"), _bus_settings(layout, PROVISION))


def _job(layout: Layout, name: str, what: tuple[str, str], settings: Mapping[str, str]) -> Program:
    return Program(
        name,
        python(*what),
        layout.data.logs / f"{name}.log",
        {**clean_environment(layout.environment), **settings},
        str(layout.data.run),
    )


def database_name(url: str) -> str:
    """Return the database in a URL; the embedded administrator's own is not it."""
    name = urlsplit(url).path.lstrip("/")
    return DATABASE if name in ("", "postgres") else name


def _server_url(url: str) -> str:
    """Return the URL with the database that every server has, since the suite's own may not be there yet."""
    return urlunsplit(urlsplit(url)._replace(path="/postgres"))


def role_url(url: str, role: str) -> str:
    """Return the URL of another role on the suite's database."""
    parts = urlsplit(url)
    host = parts.netloc.rpartition("@")[2]
    return urlunsplit((parts.scheme, f"{role}@{host}", f"/{database_name(url)}", parts.query, ""))


def service_programs(layout: Layout) -> list[Program]:
    """Return the services that serve gRPC and take work."""
    hosts = [
        _service(layout, "adapter_host", name, {"evidence_address": layout.address("evidence")})
        for name in host_names(layout.hosts)
    ]
    planner = {
        "evidence_address": layout.address("evidence"),
        "adapter_host_address": layout.address(host_names(layout.hosts)[0]),
    }
    signer = {
        "keys_uri": f"file://{layout.data.keys}",
        "key_password_file": str(layout.data.secrets / "signing-key"),
    }
    distributor = {"http_listen": layout.address(DISTRIBUTOR_HTTP)}
    return [
        _service(layout, "evidence", "evidence", {}),
        *hosts,
        _service(layout, "signer", "signer", signer),
        _service(layout, "planner", "planner", planner),
        _service(layout, "distributor", "distributor", distributor),
    ]


def gateway_program(layout: Layout) -> Program:
    """Return the door that users see; its file tells that it, and no other suite, has the port."""
    ready_file = layout.data.run / "gateway.ready"
    settings = {
        "http_listen": layout.address(HTTP),
        "planner_address": layout.address("planner"),
        "adapter_host_address": layout.address(host_names(layout.hosts)[0]),
        "signer_address": layout.address("signer"),
        "distributor_address": layout.address("distributor"),
        "distributor_http": f"http://{layout.address(DISTRIBUTOR_HTTP)}",
        "evidence_address": layout.address("evidence"),
        "ready_file": str(ready_file),
    }
    return Program(
        "gateway",
        python("services.gateway"),
        layout.data.logs / "gateway.log",
        _environment(layout, "gateway", settings),
        str(layout.data.run),
        layout.url,
        both(file_written(ready_file), http_ready(LOOPBACK, layout.ports[HTTP], "/readyz")),
        ready_file,
        stop_seconds=GATEWAY_STOP_SECONDS,
    )


def _service(layout: Layout, service: str, name: str, settings: Mapping[str, str]) -> Program:
    address = layout.address(name)
    ready_file = layout.data.run / f"{name}.ready"
    own = {"grpc_listen": address, "ready_file": str(ready_file), "reflection": "true", **settings}
    return Program(
        name,
        python(f"services.{service}"),
        layout.data.logs / f"{name}.log",
        _environment(layout, service, own),
        str(layout.data.run),
        address,
        file_written(ready_file),
        ready_file,
        stop_seconds=SERVICE_STOP_SECONDS,
    )


def _environment(layout: Layout, service: str, settings: Mapping[str, str]) -> dict[str, str]:
    common = {
        "blobs_url": layout.blobs_url,
        "jwks_file": str(layout.data.jwks),
        "token_issuer": ISSUER,
        "token_audience": AUDIENCE,
        "service_token_file": str(layout.data.service_token(service)),
    }
    if service in DATABASE_SERVICES:
        common["database_url"] = role_url(layout.database_url, service)
        common["database_password_file"] = str(layout.data.database_password(service))
    environment = clean_environment(layout.environment)
    if service in BUS_SERVICES:
        environment |= _bus_settings(layout, service)
    chosen = {**layout.settings, **common, **settings}
    return environment | {f"{SETTING_PREFIX}{name.upper()}": value for name, value in chosen.items()}


def _bus_settings(layout: Layout, user: str) -> dict[str, str]:
    return {
        "EXPORT_NATS_URL": layout.nats_url,
        "EXPORT_NATS_USER": user,
        "EXPORT_NATS_PASSWORD_FILE": str(layout.data.nats_password(user)),
    }


def postgres_program(layout: Layout, command: Sequence[str], user: str | None) -> Program:
    """Return the embedded PostgreSQL.

    SIGINT ends it cleanly. When its supervisor is gone, SIGQUIT ends it at once, so that the next start does
    not meet it; the write-ahead log has all that was promised.
    """
    return Program(
        "postgres",
        tuple(command),
        layout.data.logs / "postgres.log",
        {"PATH": os.defpath, "LANG": "C"},
        "/",
        layout.address("postgres"),
        postgres_ready(LOOPBACK, layout.ports["postgres"]),
        stop_signal=signal.SIGINT,
        stop_seconds=DATABASE_STOP_SECONDS,
        death_signal=signal.SIGQUIT,
        user=user,
    )


def nats_program(layout: Layout, command: Sequence[str]) -> Program:
    """Return the embedded NATS."""
    return Program(
        "nats",
        tuple(command),
        layout.data.logs / "nats.log",
        {"PATH": os.defpath, "LANG": "C"},
        "/",
        layout.address("nats"),
        port_open(LOOPBACK, layout.ports["nats"]),
        stop_seconds=DATABASE_STOP_SECONDS,
        death_signal=signal.SIGTERM,
        alarm=NATS_DISK_FULL,
    )
