"""What the suite is made of: commands without secrets, settings that the services know."""

from __future__ import annotations

import dataclasses
import importlib
import re
from pathlib import Path

import pytest

from cli.stella.failures import CommandFailed
from cli.stella.supervise import suite
from cli.stella.supervise.data_dir import DataDir
from cli.stella.supervise.program import Program
from cli.stella.supervise.up import Wishes, check_wishes
from libs.common.settings import ServiceSettings, load

HOSTS = 2
PARENT = {"PATH": "/bin", "EXPORT_LEFTOVER": "x", "STELLA_TOKEN": "canary", "AWS_REGION": "north"}


@pytest.fixture
def layout(tmp_path: Path) -> suite.Layout:
    names = suite.port_names(HOSTS, database=True, bus=True)
    return suite.Layout(
        DataDir(tmp_path),
        {name: 9000 + position for position, name in enumerate(names)},
        HOSTS,
        "postgresql://postgres@127.0.0.1:9000/postgres",
        tmp_path / "secrets" / "postgres",
        "nats://127.0.0.1:9001",
        f"file://{tmp_path}/blobs",
        PARENT,
        {"log_level": "debug"},
    )


def programs(layout: suite.Layout) -> list[Program]:
    return [
        *suite.database_jobs(layout),
        suite.bus_job(layout),
        *suite.service_programs(layout),
        suite.gateway_program(layout),
    ]


def settings_of(module: str) -> type[ServiceSettings]:
    config = importlib.import_module(f"{module}.config")
    (found,) = [
        kind
        for kind in vars(config).values()
        if isinstance(kind, type) and issubclass(kind, ServiceSettings) and kind is not ServiceSettings
    ]
    return found


def test_there_are_as_many_adapter_hosts_as_wished(layout: suite.Layout) -> None:
    names = [program.name for program in suite.service_programs(layout)]
    assert names == ["evidence", "adapter_host-1", "adapter_host-2", "signer", "planner", "distributor"]


def test_every_service_takes_its_settings(layout: suite.Layout) -> None:
    for program in [*suite.service_programs(layout), suite.gateway_program(layout)]:
        kind = settings_of(program.command[-1])
        load(kind, program.environment)
        known = {f"EXPORT_{field.name.upper()}" for field in dataclasses.fields(kind)}
        given = {name for name in program.environment if name.startswith("EXPORT_")}
        assert given - known == set(), program.name


def test_a_setting_of_the_user_reaches_every_service_and_takes_no_place_of_ours(
    layout: suite.Layout,
) -> None:
    layout = dataclasses.replace(layout, settings={"log_level": "debug", "jwks_file": "/elsewhere"})
    for program in [*suite.service_programs(layout), suite.gateway_program(layout)]:
        assert program.environment["EXPORT_LOG_LEVEL"] == "debug"
        assert program.environment["EXPORT_JWKS_FILE"] == str(layout.data.jwks)


def test_nothing_of_the_users_own_server_or_settings_is_passed_on(layout: suite.Layout) -> None:
    for program in programs(layout):
        assert "STELLA_TOKEN" not in program.environment
        assert "EXPORT_LEFTOVER" not in program.environment
        assert program.environment["AWS_REGION"] == "north"


def test_secrets_are_named_by_file_alone(layout: suite.Layout) -> None:
    for program in programs(layout):
        for name, value in program.environment.items():
            if re.search("PASSWORD|TOKEN_FILE", name):
                assert value.startswith(str(layout.data.root)), program.name
        assert not any(re.search("password|token", part, re.IGNORECASE) for part in program.command)


def test_the_working_folder_is_not_on_the_import_path(layout: suite.Layout) -> None:
    assert all(program.command[1] == "-P" for program in programs(layout))


def test_a_role_has_its_own_url_on_the_suites_database() -> None:
    assert (
        suite.role_url("postgresql://postgres@h:1/postgres", "planner")
        == "postgresql://planner@h:1/export_center"
    )
    stated = "postgresql://admin@h/exports?sslmode=verify-full"
    assert suite.role_url(stated, "signer") == "postgresql://signer@h/exports?sslmode=verify-full"


@pytest.mark.parametrize(
    "wishes",
    [
        Wishes(Path("x"), database_url="postgresql://admin:secret@h/db"),
        Wishes(Path("x"), nats_url="nats://user:secret@h"),
    ],
    ids=["database", "nats"],
)
def test_a_password_on_the_command_line_is_refused(wishes: Wishes) -> None:
    with pytest.raises(CommandFailed, match="holds a password"):
        check_wishes(wishes)


@pytest.mark.parametrize("listen", ["127.0.0.1:9464", "[::]:9464"])
def test_one_metrics_port_for_all_processes_is_refused(listen: str) -> None:
    with pytest.raises(CommandFailed, match="each process of the suite needs its own"):
        check_wishes(Wishes(Path("x"), settings={"metrics_listen": listen}))


@pytest.mark.parametrize("listen", ["", "127.0.0.1:0"])
def test_metrics_on_chosen_ports_are_taken(listen: str) -> None:
    check_wishes(Wishes(Path("x"), settings={"metrics_listen": listen}))


def test_a_url_without_password_is_taken() -> None:
    check_wishes(Wishes(Path("x"), database_url="postgresql://admin@h:5432/db", nats_url="nats://h:4222"))
