"""The data directory of `stella up`: where everything is, and that one process at a time works in it."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self

from cli.stella.exit_codes import ExitCode
from cli.stella.failures import Code, CommandFailed, wrong_file

FOLDER_MODE = 0o700


def default_data(environment: Mapping[str, str]) -> Path:
    """Return where the data is unless somebody says otherwise."""
    base = environment.get("XDG_DATA_HOME") or "~/.local/share"
    return Path(base).expanduser() / "stella"


@dataclass(frozen=True, slots=True)
class DataDir:
    """The places in one data directory."""

    root: Path

    @property
    def lock(self) -> Path:
        """Held by the supervisor; its text is the pid."""
        return self.root / "lock"

    @property
    def ports(self) -> Path:
        """The ports that were chosen."""
        return self.root / "ports.json"

    @property
    def ready(self) -> Path:
        """There while the suite is up: pid and address."""
        return self.root / "ready.json"

    @property
    def jwks(self) -> Path:
        """Public keys of the token issuer."""
        return self.root / "jwks.json"

    @property
    def issuer(self) -> Path:
        """Private key of the token issuer."""
        return self.secrets / "issuer.json"

    @property
    def secrets(self) -> Path:
        """Passwords and the issuer's key."""
        return self.root / "secrets"

    @property
    def tokens(self) -> Path:
        """Tokens of services and users."""
        return self.root / "tokens"

    @property
    def postgres(self) -> Path:
        """Data of the embedded PostgreSQL."""
        return self.root / "postgres"

    @property
    def nats(self) -> Path:
        """Configuration and data of the embedded NATS."""
        return self.root / "nats"

    @property
    def blobs(self) -> Path:
        """Evidence and bundles."""
        return self.root / "blobs"

    @property
    def keys(self) -> Path:
        """Encrypted signing keys."""
        return self.root / "keys"

    @property
    def logs(self) -> Path:
        """A log for each process."""
        return self.root / "logs"

    @property
    def run(self) -> Path:
        """What processes say of themselves while they live."""
        return self.root / "run"

    def database_password(self, role: str) -> Path:
        """Return the file with the password of a database role."""
        return self.secrets / "database" / role

    def nats_password(self, user: str) -> Path:
        """Return the file with the password of a NATS user."""
        return self.secrets / "nats" / user

    def service_token(self, service: str) -> Path:
        """Return the file with a service's own token."""
        return self.tokens / f"service-{service}.token"

    def user_token(self, name: str) -> Path:
        """Return the file with a user's token."""
        return self.tokens / f"{name}.token"

    def make(self) -> None:
        """Make the folders that are missing, for the owner alone."""
        folders = (
            self.root, self.secrets, self.secrets / "database", self.secrets / "nats", self.tokens,
            self.nats, self.blobs, self.keys, self.logs, self.run,
        )  # fmt: skip
        try:
            self.root.parent.mkdir(parents=True, exist_ok=True)
            for folder in folders:
                folder.mkdir(mode=FOLDER_MODE, exist_ok=True)
        except OSError as error:
            raise wrong_file(
                f"`{error.filename}` cannot be made: {error.strerror}", "Choose another folder with --data."
            ) from error


class Lock:
    """The right to work in a data directory, held by an open file; it ends with the process."""

    def __init__(self, data: DataDir) -> None:
        self._path = data.lock
        self._root = data.root
        self._descriptor = -1

    def __enter__(self) -> Self:
        """Take it, or say who has it."""
        self._descriptor = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(self._descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            holder = os.pread(self._descriptor, 32, 0).decode("ascii", "replace").strip()
            os.close(self._descriptor)
            raise CommandFailed(
                ExitCode.USAGE,
                Code.LOCKED,
                f"The suite runs already in `{self._root}`, as process {holder or 'unknown'}",
                f"Use it (`stella context use local`), stop it (`kill {holder}`), or choose another --data.",
            ) from error
        os.ftruncate(self._descriptor, 0)
        os.pwrite(self._descriptor, f"{os.getpid()}\n".encode(), 0)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Give it back."""
        os.ftruncate(self._descriptor, 0)
        os.close(self._descriptor)
