"""Who calls: no token, one that does not hold, another tenant; and servers that are not there."""

from __future__ import annotations

import json
import socket
from collections.abc import Callable
from datetime import timedelta

from cli.stella.exit_codes import ExitCode
from cli.stella.supervise.credentials import AUDIENCE, ISSUER, issue, open_issuer, user_grant
from cli.stella.supervise.data_dir import DataDir
from libs.common.clock import now
from libs.common.rpc.tokens import TokenIssuer
from tests.bad_days.case import LEDGER_KEPT, NOTHING_AT_STAKE, Case, Day
from tests.bad_days.documents import osv
from tests.bad_days.halfway import IN_IMPORT, IN_RUN, Halfway, halfway
from tests.kit.stella import Ended

_STATUS = ("evidence", "status")
_OWN = user_grant("demo", "admin", "", timedelta(hours=1))
_NEW_TOKEN = (
    "Get a token from the issuer and send it as `Authorization: Bearer …`; of a suite on this machine: "
    "`stella token issue`."
)


def _with_token(make: Callable[[Day], str]) -> Callable[[Day], Ended]:
    def bring(day: Day) -> Ended:
        return day.stella(*_STATUS, STELLA_TOKEN_FILE="", STELLA_TOKEN=make(day))

    return bring


def _expired(day: Day) -> str:
    issuer = open_issuer(DataDir(day.suite.data))
    return issue(issuer, _OWN, now() - timedelta(hours=2))


def _foreign(day: Day) -> str:
    del day
    return issue(TokenIssuer.create(ISSUER, AUDIENCE), _OWN, now())


def _elsewhere(day: Day) -> str:
    kept = DataDir(day.suite.data).issuer.read_text(encoding="ascii")
    return issue(TokenIssuer.from_private_json(kept, ISSUER, "another"), _OWN, now())


def _lesser(day: Day) -> Ended:
    issuer = open_issuer(DataDir(day.suite.data))
    token = issue(issuer, user_grant("demo", "viewer", "", timedelta(hours=1)), now())
    file = day.file("a.json", b"{}")
    return day.stella("evidence", "import", file, STELLA_TOKEN_FILE="", STELLA_TOKEN=token)


def _token_gone(place: Halfway, ask: Callable[[Day, str], Ended]) -> Callable[[Day], Ended]:
    """Remove the user's token file while the command that has read it is under way."""

    def bring(day: Day) -> Ended:
        kept = (day.suite.data / "tokens" / "demo-admin.token").read_bytes()
        token = day.file("own.token", kept)
        return halfway(day, place, lambda day: ask(day, str(token)), lambda _: token.unlink())

    return bring


def _import(day: Day, token: str) -> Ended:
    file = day.file("gone/a.json", osv("TOKEN-GONE", "1"))
    return day.stella("evidence", "import", file, STELLA_TOKEN_FILE=token)


def _run(day: Day, token: str) -> Ended:
    for command in (
        ("evidence", "import", day.file("gone/b.json", osv("TOKEN-RUN", "1")), "--source", "token-run"),
        ("export", "profile", "create", "token-run", "--kind", "json:raw", "--source", "token-run"),
    ):
        made = day.stella(*command)
        assert made.code == 0, made.err
    return day.stella("export", "run", "start", "token-run", "--wait", STELLA_TOKEN_FILE=token)


def _broken_config(day: Day) -> Ended:
    day.file("config.json", b'{"version":1,')
    return day.stella(*_STATUS)


def _nobody(day: Day) -> Ended:
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))  # bound and silent: nobody else can answer there meanwhile
        return day.stella(*_STATUS, STELLA_SERVER=f"http://127.0.0.1:{held.getsockname()[1]}")


def _no_gateway(day: Day) -> Ended:
    port = json.loads((day.suite.data / "ports.json").read_bytes())["distributor-http"]
    return day.stella(*_STATUS, STELLA_SERVER=f"http://127.0.0.1:{port}")


def _refused(title: str, how: str, bring: Callable[[Day], Ended], reason: str) -> Case[Day]:
    line = f"The request carries no valid token: {reason}. (ERR_EXPORT_UNAUTHENTICATED)"
    return Case(title, how, line, _NEW_TOKEN, ExitCode.DENIED, LEDGER_KEPT, bring)


CASES: tuple[Case[Day], ...] = (
    _refused("no token", "a command without a token", _with_token(lambda _: ""), "there is none"),
    _refused(
        "a token that is none",
        "`STELLA_TOKEN=rubbish`",
        _with_token(lambda _: "rubbish"),
        "it cannot be read",
    ),
    _refused(
        "an expired token", "a token whose hour ended an hour ago", _with_token(_expired), "it has expired"
    ),
    _refused(
        "a foreign token",
        "a token of another suite's issuer",
        _with_token(_foreign),
        "its key is not one of the issuer's",
    ),
    _refused(
        "a token for another audience",
        "a token of the issuer for another service",
        _with_token(_elsewhere),
        "its issuer or audience is another",
    ),
    Case(
        "a wrong tenant",
        "`--tenant acme` with a token for `demo`",
        "The request names no tenant that the token is good for. (ERR_EXPORT_TENANT)",
        "Name one of the token's tenants: `--tenant`, over REST `X-Stella-Tenant`.",
        ExitCode.DENIED,
        LEDGER_KEPT,
        lambda day: day.stella(*_STATUS, "--tenant", "acme"),
    ),
    Case(
        "a role that may not",
        "`stella evidence import` as a viewer",
        "The token does not have scope `evidence:import`, which this call needs. (ERR_EXPORT_DENIED)",
        "Ask an administrator of the tenant for a role that has `evidence:import`.",
        ExitCode.DENIED,
        LEDGER_KEPT,
        _lesser,
    ),
    Case(
        "a token file that is gone",
        "`--token-file` names a file that is not there",
        "The token file `{file}` (STELLA_TOKEN_FILE) cannot be read: No such file or directory. "
        "(ERR_STELLA_NO_TOKEN)",
        "Name another with --token-file, or make one: `stella token issue --tenant T --role R`.",
        ExitCode.DENIED,
        NOTHING_AT_STAKE,
        lambda day: day.stella(*_STATUS, STELLA_TOKEN_FILE=str(day.folder / "gone")),
    ),
    Case(
        "a token file that goes in the middle of an import",
        "the file is removed while `stella evidence import` is under way; it was read at the start",
        "",
        "",
        ExitCode.OK,
        "the import",
        _token_gone(IN_IMPORT, _import),
    ),
    Case(
        "a token file that goes in the middle of a run",
        "the file is removed while `stella export run start --wait` follows the run",
        "",
        "",
        ExitCode.OK,
        "the run: it is followed to its end",
        _token_gone(IN_RUN, _run),
    ),
    Case(
        "a broken config file",
        "half a `config.json`",
        "The config `{file}` is not what this program writes: Expecting property name enclosed in "
        "double quotes: line 1 column 14 (char 13). (ERR_STELLA_FILE)",
        "Repair it, or move it away and add the contexts again.",
        ExitCode.USAGE,
        NOTHING_AT_STAKE,
        _broken_config,
    ),
    Case(
        "a server that is not up",
        "a command to a port where nobody listens",
        "The server at http://127.0.0.1:{port} (STELLA_SERVER) does not answer: no connection. "
        "(ERR_STELLA_UNREACHABLE)",
        "Start it here with `stella up`, or name another with --server or `stella context use`.",
        ExitCode.TRY_LATER,
        NOTHING_AT_STAKE,
        _nobody,
    ),
    Case(
        "a server's name that leads nowhere",
        "a command to `http://export.invalid`",
        "There is no way to the server at http://export.invalid (STELLA_SERVER): its name leads nowhere. "
        "(ERR_STELLA_OFFLINE)",
        "Check the address (`stella context show`), the network and its rules.",
        ExitCode.OFFLINE,
        NOTHING_AT_STAKE,
        lambda day: day.stella(*_STATUS, STELLA_SERVER="http://export.invalid"),
    ),
    Case(
        "a server that is another",
        "a command to another door of the suite",
        "There is no route `/api/evidence/status`. (ERR_EXPORT_NOT_FOUND)",
        "Check the path; the gateway lists what there is at `/.well-known/openapi`.",
        ExitCode.NOT_FOUND,
        NOTHING_AT_STAKE,
        _no_gateway,
    ),
    Case(
        "an address that is none",
        "`--server nonsense`",
        "`nonsense` is no address of a server. (ERR_STELLA_USAGE)",
        "Write `https://host` or `http://127.0.0.1:port`, without user and password.",
        ExitCode.USAGE,
        NOTHING_AT_STAKE,
        lambda day: day.stella(*_STATUS, "--server", "nonsense"),
    ),
    Case(
        "a context with an address that is none",
        "`stella context add lab --server nonsense`",
        "`nonsense` is no address of a server. (ERR_STELLA_USAGE)",
        "Write `https://host` or `http://127.0.0.1:port`, without user and password.",
        ExitCode.USAGE,
        "the contexts as they were",
        lambda day: day.stella("context", "add", "lab", "--server", "nonsense"),
    ),
)
