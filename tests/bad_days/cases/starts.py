"""What keeps `stella up` from starting."""

from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
import sys
from collections.abc import Callable, Mapping
from pathlib import Path

from cli.stella.exit_codes import ExitCode
from tests.bad_days.case import NOTHING_AT_STAKE, Case, Day
from tests.bad_days.cases.files import AS_ANYBODY
from tests.bad_days.disks import filled, mounted
from tests.kit.stella import Ended
from tests.kit.suite import COMMAND_SECONDS, base_environment

DATA_KEPT = "the data directory as it was"
_NOBODY = "127.0.0.1:1"  # a port that no server of users has


def started(data: Path, *options: str, binding: tuple[str, ...] = ()) -> Ended:
    """Start a suite that cannot start, and return how that ended."""
    command = [*binding, sys.executable, "-m", "cli.stella", "up", "--data", str(data), *options]
    return _ended(command, base_environment(data))


def _ended(command: list[str], environment: Mapping[str, str]) -> Ended:
    ended = subprocess.run(
        command,
        env=environment,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=COMMAND_SECONDS,
        check=False,
    )
    return Ended(ended.returncode, ended.stdout, ended.stderr)


def _taken(day: Day) -> Ended:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen(1)
        return started(day.folder / "data", "--http", str(other.getsockname()[1]))


def _service(day: Day, **settings: str) -> Ended:
    """Start a second evidence service, with the settings of the one that runs but for some."""
    running = day.suite.processes("services.evidence")[0]
    return _ended([sys.executable, "-m", "services.evidence"], {**running.environ(), **settings})


def _metrics_taken(day: Day) -> Ended:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen(1)
        listen = f"127.0.0.1:{other.getsockname()[1]}"
        return _service(day, EXPORT_GRPC_LISTEN="127.0.0.1:0", EXPORT_METRICS_LISTEN=listen)


def _second(day: Day) -> Ended:
    return started(day.suite.data)


def _issuer(text: str) -> Callable[[Day], Ended]:
    def bring(day: Day) -> Ended:
        data = day.folder / "data"
        shutil.copytree(day.suite.data / "secrets", data / "secrets")
        (data / "secrets" / "issuer.json").write_text(text, encoding="utf-8")
        return started(data)

    return bring


def _read_only(day: Day) -> Ended:
    folder = day.folder / "closed"
    folder.mkdir(mode=0o500)
    return started(folder / "data", binding=AS_ANYBODY if os.geteuid() == 0 else ())


def _full(day: Day) -> Ended:
    """Give it room for the small files, not for a database."""
    with mounted(day.folder / "data", 8 << 20) as data:
        return started(data)


def _quite_full(day: Day) -> Ended:
    with mounted(day.folder / "data", 1 << 20) as data, filled(data):
        return started(data)


def _without(options: tuple[str, ...]) -> Callable[[Day], Ended]:
    def bring(day: Day) -> Ended:
        password = day.file("password", b"secret")
        return started(day.folder / "data", *options, "--database-password-file", str(password))

    return bring


def _wrong_password(day: Day) -> Ended:
    port = json.loads((day.suite.data / "ports.json").read_bytes())["postgres"]
    url = f"postgresql://postgres@127.0.0.1:{port}/postgres"
    return _without(("--database-url", url, "--nats-url", f"nats://{_NOBODY}"))(day)


_UNAVAILABLE = "Nothing is lost. Check {what} and try again. Its log is {log}."
QUICK: tuple[Case[Day], ...] = (
    Case(
        "a port that is taken",
        "`stella up --http PORT` while another program listens there",
        "Port {port} (--http) is taken by another program. (ERR_STELLA_START)",
        "Stop that program, or choose another port with --http.",
        ExitCode.USAGE,
        DATA_KEPT,
        _taken,
    ),
    Case(
        "a gRPC port that is taken",
        "a service of its own, `python -m services.evidence`, on the port of another",
        "Setting `EXPORT_GRPC_LISTEN` cannot be used: `127.0.0.1:{port}` cannot be bound: Address already in "
        "use. (ERR_EXPORT_SETTING)",
        "Correct the environment variable `EXPORT_GRPC_LISTEN` and start again.",
        ExitCode.UNEXPECTED,
        "the service that runs; `stella up` chooses another port by itself",
        _service,
    ),
    Case(
        "a metrics port that is taken",
        "the same with `EXPORT_METRICS_LISTEN`",
        "Setting `EXPORT_METRICS_LISTEN` cannot be used: `127.0.0.1:{port}` cannot be bound: Address already "
        "in use. (ERR_EXPORT_SETTING)",
        "Correct the environment variable `EXPORT_METRICS_LISTEN` and start again.",
        ExitCode.UNEXPECTED,
        NOTHING_AT_STAKE,
        _metrics_taken,
    ),
    Case(
        "one metrics port for a whole suite",
        "`stella up --set metrics_listen=127.0.0.1:9464`",
        "`127.0.0.1:9464` (--set metrics_listen) is one port, and each process of the suite needs its own. "
        "(ERR_STELLA_USAGE)",
        "Write port 0; the line `serving` of each log names the port that was chosen.",
        ExitCode.USAGE,
        DATA_KEPT,
        lambda day: started(day.folder / "data", "--set", "metrics_listen=127.0.0.1:9464"),
    ),
    Case(
        "two suites in one data directory",
        "`stella up` where one runs",
        "The suite runs already in `{folder}`, as process {pid}. (ERR_STELLA_LOCKED)",
        "Use it (`stella context use local`), stop it (`kill {pid}`), or choose another --data.",
        ExitCode.USAGE,
        "the suite that runs",
        _second,
    ),
    Case(
        "half an issuer's key",
        "`secrets/issuer.json` ends in the middle",
        "`{file}` is not the token issuer's key that `stella up` wrote (JSONDecodeError). (ERR_STELLA_FILE)",
        "Put it back from a backup; or remove it and `tokens/`, and the next start makes new ones.",
        ExitCode.USAGE,
        DATA_KEPT,
        _issuer('{"kty":'),
    ),
    Case(
        "an issuer's key that is none",
        "`secrets/issuer.json` holds `{}`",
        "`{file}` is not the token issuer's key that `stella up` wrote ({fault}). (ERR_STELLA_FILE)",
        "Put it back from a backup; or remove it and `tokens/`, and the next start makes new ones.",
        ExitCode.USAGE,
        DATA_KEPT,
        _issuer("{}"),
    ),
    Case(
        "a data directory that may not be written",
        "`stella up --data` in a folder without the right",
        "`{folder}` cannot be made: Permission denied. (ERR_STELLA_FILE)",
        "Choose another folder with --data.",
        ExitCode.USAGE,
        "nothing was there",
        _read_only,
    ),
    Case(
        "a password on the command line",
        "`--database-url` with a password",
        "--database-url holds a password, which every user of this machine can read in the process list. "
        "(ERR_STELLA_USAGE)",
        "Leave it out and name a file: --database-password-file FILE.",
        ExitCode.USAGE,
        DATA_KEPT,
        lambda day: started(day.folder / "data", "--database-url", "postgresql://postgres:secret@db/x"),
    ),
    Case(
        "a wrong password of the database",
        "`stella up --database-url` with another password in `--database-password-file`",
        "database-provision cannot start: Setting `EXPORT_ADMIN_PASSWORD_FILE` cannot be used: the database "
        "refuses it ({reason}). (ERR_EXPORT_SETTING)",
        "Correct the environment variable `EXPORT_ADMIN_PASSWORD_FILE` and start again. Its log is {log}.",
        ExitCode.USAGE,
        DATA_KEPT,
        _wrong_password,
    ),
    Case(
        "a database that is down at the start",
        "`stella up --database-url` to a port where nobody listens",
        "database-provision cannot start: the database does not answer: Connection refused. "
        "(ERR_EXPORT_UNAVAILABLE)",
        _UNAVAILABLE,
        ExitCode.TRY_LATER,
        DATA_KEPT,
        _without(
            ("--database-url", f"postgresql://postgres@{_NOBODY}/postgres", "--nats-url", f"nats://{_NOBODY}")
        ),
    ),
)
SLOW: tuple[Case[Day], ...] = (
    Case(
        "a bus that is down at the start",
        "`stella up --nats-url` to a port where nobody listens",
        "bus-provision cannot start: the bus does not answer: there is no connection to it within 10 "
        "seconds. (ERR_EXPORT_UNAVAILABLE)",
        _UNAVAILABLE,
        ExitCode.TRY_LATER,
        DATA_KEPT,
        _without(("--nats-url", f"nats://{_NOBODY}")),
    ),
    Case(
        "a disk that is full at the start",
        "a data directory on a disk without room for a byte",
        "`{file}` cannot be written: No space left on device. (ERR_STELLA_DISK_FULL)",
        "Make room on that disk, then give the same command again.",
        ExitCode.TRY_LATER,
        DATA_KEPT,
        _quite_full,
    ),
    Case(
        "a disk without room for the database",
        "a data directory on a disk of 8 MiB",
        "The database in `{folder}` cannot be made: {fault}. (ERR_STELLA_DISK_FULL)",
        "Make room on that disk, then start again.",
        ExitCode.TRY_LATER,
        DATA_KEPT,
        _full,
    ),
)
