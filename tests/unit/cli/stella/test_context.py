"""Which server, tenant and token a command uses."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from cli.stella.context import (
    DEFAULT_SERVER,
    Config,
    Context,
    Flags,
    config_path,
    load_config,
    parse_config,
    read_token,
    render_config,
    resolve,
    save_config,
)
from cli.stella.exit_codes import ExitCode
from cli.stella.failures import CommandFailed

LAB = Context("https://lab.example", "lab-tenant", "/tokens/lab")
FIELD = Context("https://field.example", "field-tenant", "/tokens/field")
CONFIG = Config({"lab": LAB, "field": FIELD}, "lab", "field")
ALL = {
    "STELLA_SERVER": "https://environment.example",
    "STELLA_TENANT": "environment-tenant",
    "STELLA_TOKEN_FILE": "/tokens/environment",
    "STELLA_TOKEN": "environment-token",
}


def test_a_flag_wins_over_the_environment() -> None:
    found = resolve(Flags("https://flag.example", "flag-tenant", "/tokens/flag"), ALL, CONFIG)
    assert (found.server.value, found.server.origin) == ("https://flag.example", "--server")
    assert (found.tenant.value, found.tenant.origin) == ("flag-tenant", "--tenant")
    assert (found.token_file.value, found.token_file.origin) == ("/tokens/flag", "--token-file")


def test_the_environment_wins_over_the_context() -> None:
    found = resolve(Flags(), ALL, CONFIG)
    assert found.server.value == "https://environment.example"
    assert found.tenant.value == "environment-tenant"
    assert found.token_file.value == "/tokens/environment"


def test_a_token_file_in_the_environment_wins_over_a_token_there() -> None:
    assert resolve(Flags(), ALL, CONFIG).token.value == ""


def test_the_context_in_use_is_used() -> None:
    found = resolve(Flags(), {}, CONFIG)
    assert (LAB.server, LAB.tenant, LAB.token_file) == (
        found.server.value,
        found.tenant.value,
        found.token_file.value,
    )
    assert found.server.origin == "context lab"


def test_the_environment_chooses_the_context_and_a_flag_chooses_it_first() -> None:
    assert FIELD.server == resolve(Flags(), {"STELLA_CONTEXT": "field"}, CONFIG).server.value
    chosen = resolve(Flags(context="lab"), {"STELLA_CONTEXT": "field"}, CONFIG)
    assert LAB.server == chosen.server.value


def test_without_anything_the_server_is_that_of_stella_up() -> None:
    found = resolve(Flags(), {}, Config())
    assert (found.server.value, found.server.origin) == (DEFAULT_SERVER, "default")
    assert (found.token_file.value, found.token_file.origin) == ("", "none")


def test_a_contexts_token_goes_to_no_other_server() -> None:
    found = resolve(Flags(server="https://elsewhere.example"), {}, CONFIG)
    assert (found.token_file.value, found.tenant.value) == ("", "")


def test_a_slash_at_the_end_of_an_address_means_nothing() -> None:
    assert LAB.token_file == resolve(Flags(server=LAB.server + "/"), {}, CONFIG).token_file.value


def test_an_unknown_context_is_not_found() -> None:
    with pytest.raises(CommandFailed) as caught:
        resolve(Flags(context="nowhere"), {}, CONFIG)
    assert caught.value.exit_code == ExitCode.NOT_FOUND
    assert "field, lab" in caught.value.message


def test_use_remembers_the_one_before() -> None:
    back = CONFIG.use("field").use("-")
    assert (back.current, back.previous) == ("lab", "field")


def test_the_first_context_is_in_use_at_once() -> None:
    assert Config().put("lab", LAB).current == "lab"


def test_a_removed_context_is_no_longer_in_use() -> None:
    assert Config({"field": FIELD}, "", "field") == CONFIG.remove("lab")


def test_a_config_is_read_as_it_was_written(tmp_path: Path) -> None:
    path = tmp_path / "deep" / "config.json"
    save_config(path, CONFIG)
    assert load_config(path) == CONFIG
    assert path.stat().st_mode & 0o777 == 0o600


def test_a_config_of_another_version_is_refused() -> None:
    document = json.loads(render_config(CONFIG)) | {"version": 2}
    with pytest.raises(ValueError, match="version 2"):
        parse_config(document)


def test_a_damaged_config_names_the_file(tmp_path: Path) -> None:
    path = tmp_path / "config.json"
    path.write_text("{", encoding="utf-8")
    with pytest.raises(CommandFailed, match=str(path)):
        load_config(path)


def test_the_config_follows_the_environment() -> None:
    assert Path("/a/c.json") == config_path({"STELLA_CONFIG": "/a/c.json", "XDG_CONFIG_HOME": "/b"})
    assert Path("/b/stella/config.json") == config_path({"XDG_CONFIG_HOME": "/b"})


def test_a_token_is_read_from_its_file_without_its_line_end(tmp_path: Path) -> None:
    path = tmp_path / "token"
    path.write_text("abc\n", encoding="ascii")
    assert read_token(resolve(Flags(token_file=str(path)), {}, Config())) == "abc"


def test_a_token_file_that_is_missing_says_who_named_it(tmp_path: Path) -> None:
    with pytest.raises(CommandFailed, match="--token-file") as caught:
        read_token(resolve(Flags(token_file=str(tmp_path / "none")), {}, Config()))
    assert caught.value.exit_code == ExitCode.DENIED
