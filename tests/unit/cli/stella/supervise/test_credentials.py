"""Passwords, issuer and tokens are made once, for their owner alone, and renewed before they expire."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from cli.stella.exit_codes import ExitCode
from cli.stella.failures import CommandFailed
from cli.stella.supervise.credentials import (
    AUDIENCE,
    ISSUER,
    SERVICE_LIFETIME,
    Renewal,
    issue,
    make_issuer,
    make_password,
    open_issuer,
    service_grant,
    user_grant,
    write_token,
)
from cli.stella.supervise.data_dir import DataDir
from libs.common.rpc.access import ROLES
from libs.common.rpc.tokens import TokenVerifier
from tests.kit.stella import stella

HOUR = timedelta(hours=1)


def present() -> datetime:
    return datetime.now(UTC)


@pytest.fixture
def data(tmp_path: Path) -> DataDir:
    directory = DataDir(tmp_path / "stella")
    directory.make()
    return directory


def verifier(data: DataDir) -> TokenVerifier:
    return TokenVerifier.from_file(str(data.jwks), ISSUER, AUDIENCE)


def test_a_password_is_made_once(data: DataDir) -> None:
    path = data.database_password("planner")
    first = make_password(path)
    assert (make_password(path), len(first)) == (first, 32)
    assert path.stat().st_mode & 0o777 == 0o600


def test_folders_are_for_their_owner_alone(data: DataDir) -> None:
    modes = {path.stat().st_mode & 0o777 for path in (data.root, data.secrets, data.tokens)}
    assert modes == {0o700}


def test_the_issuer_survives(data: DataDir) -> None:
    make_issuer(data)
    first = data.jwks.read_text(encoding="ascii")
    make_issuer(data)
    assert data.jwks.read_text(encoding="ascii") == first
    assert data.issuer.stat().st_mode & 0o777 == 0o600
    assert "d" not in json.loads(first)["keys"][0]


def test_without_an_issuer_a_token_cannot_be_made(tmp_path: Path) -> None:
    with pytest.raises(CommandFailed, match="no token issuer") as caught:
        open_issuer(DataDir(tmp_path))
    assert caught.value.exit_code is ExitCode.NOT_FOUND


def test_a_users_token_has_the_scopes_of_the_role(data: DataDir) -> None:
    token = issue(make_issuer(data), user_grant("demo", "viewer", "", HOUR), present())
    caller = verifier(data).verify(token, None)
    assert (caller.subject, caller.tenant) == ("local:demo-viewer", "demo")
    assert caller.scopes == frozenset(ROLES["viewer"])


def test_a_services_token_is_good_for_any_tenant(data: DataDir) -> None:
    token = issue(make_issuer(data), service_grant("planner"), present())
    caller = verifier(data).verify(token, "whoever")
    assert (caller.subject, caller.scopes) == ("service:planner", frozenset({"service"}))


def test_tokens_are_renewed_in_the_second_half_of_their_life(data: DataDir) -> None:
    path = data.service_token("planner")
    renewal = Renewal(make_issuer(data), [(path, service_grant("planner"))])
    begin = present()
    counts = [
        renewal.renew(begin),
        renewal.renew(begin + SERVICE_LIFETIME / 3),
        renewal.renew(begin + SERVICE_LIFETIME * 2 / 3),
    ]
    assert counts == [1, 0, 1]
    assert path.stat().st_mode & 0o777 == 0o600


def test_service_tokens_are_new_at_each_start_and_those_of_users_are_not(data: DataDir) -> None:
    grants = [
        (data.service_token("planner"), service_grant("planner")),
        (data.user_token("demo-admin"), user_grant("demo", "admin", "", timedelta(days=90))),
    ]
    renewal = Renewal(make_issuer(data), grants)
    renewal.renew(present())
    assert renewal.renew(present(), all_of_services=True) == 1


@pytest.mark.parametrize("text", ["", "abc", "a.b.c", "a.e30.c"])
def test_a_damaged_token_is_renewed(data: DataDir, text: str) -> None:
    path = data.service_token("planner")
    write_token(path, text)
    assert Renewal(make_issuer(data), [(path, service_grant("planner"))]).renew(present()) == 1


def test_the_command_writes_a_token_for_its_owner_alone(data: DataDir, tmp_path: Path) -> None:
    make_issuer(data)
    ended = stella(
        "token", "issue", "--tenant", "other", "--role", "auditor", "--data", data.root,
        config=tmp_path / "config.json",
    )  # fmt: skip
    path = data.user_token("other-auditor")
    assert (ended.code, ended.out, str(path) in ended.err) == (0, "", True)
    assert path.stat().st_mode & 0o777 == 0o600
    assert verifier(data).verify(path.read_text(encoding="ascii").strip(), None).tenant == "other"


def test_the_command_prints_a_token_when_told_so(data: DataDir, tmp_path: Path) -> None:
    make_issuer(data)
    ended = stella(
        "token", "issue", "--tenant", "other", "--role", "viewer", "--subject", "ci", "--print",
        "--data", data.root, config=tmp_path / "config.json",
    )  # fmt: skip
    assert verifier(data).verify(ended.out.strip(), None).subject == "ci"
    assert not list(data.tokens.iterdir())


def test_a_tenant_that_cannot_be_is_refused(data: DataDir, tmp_path: Path) -> None:
    make_issuer(data)
    ended = stella(
        "token", "issue", "--tenant", "../x", "--role", "viewer", "--data", data.root,
        config=tmp_path / "config.json",
    )  # fmt: skip
    assert ended.code == 2
