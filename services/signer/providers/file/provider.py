"""Keeps private keys as encrypted cosign key files in one folder."""

from __future__ import annotations

import base64
import os
import re
import secrets
import stat
from pathlib import Path

from libs.common.errors import KeyUnusable
from libs.common.settings import BadSetting, read_secret
from services.signer.providers.base import KeyProviderKind
from services.signer.providers.file.private_key import FileKey, load_private_key, new_private_key
from services.signer.providers.file.sealed import (
    MAX_FILE_BYTES,
    NONCE_BYTES,
    SALT_BYTES,
    BadKeyFile,
    seal,
    unseal,
)

SUFFIX = ".key"
PRIVATE_MODE = 0o600
PUBLIC_MODE = 0o644
FOLDER_MODE = 0o700
_FILE_NAME = re.compile(rf"[^/\0]+{re.escape(SUFFIX)}")
_HINT_CHARACTERS = 16  # of a SHA-256 in hexadecimal: enough to tell the keys of one folder apart


class FileProvider:
    """A folder of `*.key` files; one password opens them, unless `<name>.password` lies beside a file.

    Keys that cosign made are taken as they are. A file that others may read is refused.
    """

    scheme = "file"

    def __init__(self, folder: Path, password_file: str) -> None:
        self._folder = folder
        self._password_file = password_file

    @classmethod
    def from_uri(cls, uri: str, password_file: str) -> FileProvider:
        """Return the provider of `file:///folder`; the folder is made when it is missing."""
        path = uri.removeprefix("file://")
        if not path.startswith("/"):
            raise BadSetting(name="EXPORT_KEYS_URI", reason="a folder is wanted, as `file:///absolute/path`")
        folder = Path(path)
        try:
            folder.mkdir(mode=FOLDER_MODE, parents=True, exist_ok=True)
        except OSError as error:
            raise BadSetting(
                name="EXPORT_KEYS_URI", reason=f"the folder cannot be made ({error.strerror})"
            ) from error
        return cls(folder, password_file)

    def create(self) -> FileKey:
        """Make an ECDSA P-256 key; the file is on the disk when this returns."""
        private_der = new_private_key()
        public = load_private_key("", private_der).public
        name = f"export-{_short(public.hint)}{SUFFIX}"
        file = seal(
            private_der,
            self._password(name),
            secrets.token_bytes(SALT_BYTES),
            secrets.token_bytes(NONCE_BYTES),
        )
        try:
            _write_durably(self._folder / name, file, PRIVATE_MODE)
            _write_durably((self._folder / name).with_suffix(".pub"), public.pem, PUBLIC_MODE)
        except OSError as error:
            reason = (
                f"a new key cannot be written ({error.strerror}); put a key file there for it to be taken"
            )
            raise KeyUnusable(key=name, reason=reason) from error
        return load_private_key(name, private_der)

    def offered(self) -> tuple[str, ...]:
        """Return the names of the key files, sorted."""
        return tuple(
            sorted(path.name for path in self._folder.glob(f"*{SUFFIX}") if not path.name.startswith("."))
        )

    def open(self, reference: str) -> FileKey:
        """Return the key in the file of that name."""
        if not _FILE_NAME.fullmatch(reference):
            raise KeyUnusable(key=reference, reason=f"a file name that ends in `{SUFFIX}` is wanted")
        try:
            return load_private_key(
                reference, unseal(_read_private(self._folder / reference), self._password(reference))
            )
        except BadKeyFile as error:
            raise KeyUnusable(key=reference, reason=str(error)) from error
        except OSError as error:
            raise KeyUnusable(key=reference, reason=f"its file cannot be read ({error.strerror})") from error

    def _password(self, name: str) -> bytes:
        beside = (self._folder / name).with_suffix(".password")
        path = str(beside) if beside.exists() else self._password_file
        return read_secret("key_password_file", path).encode("utf-8")


PROVIDER: KeyProviderKind = FileProvider


def _read_private(path: Path) -> bytes:
    with path.open("rb") as file:
        mode = stat.S_IMODE(os.fstat(file.fileno()).st_mode)
        if mode & stat.S_IROTH:
            raise BadKeyFile(f"everybody may read its file (mode {mode:o}); `chmod 600` it")
        return file.read(MAX_FILE_BYTES + 1)


def _write_durably(path: Path, data: bytes, mode: int) -> None:
    """Write a file that is either whole or absent, with its mode from the first byte on."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    temporary.unlink(missing_ok=True)
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
    with os.fdopen(descriptor, "wb") as file:
        file.write(data)
        file.flush()
        os.fchmod(descriptor, mode)  # whatever the umask
        os.fsync(descriptor)
    temporary.replace(path)
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


def _short(hint: str) -> str:
    return base64.b64decode(hint).hex()[:_HINT_CHARACTERS]
