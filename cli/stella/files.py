"""Writes files that are either whole or as they were, and still there after a power cut."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

from cli.stella.failures import cannot_write

PUBLIC_MODE = 0o644
PRIVATE_MODE = 0o600


def write_whole(path: Path, data: bytes, mode: int = PUBLIC_MODE) -> None:
    """Write `data` to `path` in one step, with its mode from the first byte on."""
    try:
        with tempfile.NamedTemporaryFile(dir=path.parent, prefix=f".{path.name}.", delete=False) as file:
            temporary = Path(file.name)
            try:
                file.write(data)
                file.flush()
                os.fchmod(file.fileno(), mode)
                os.fsync(file.fileno())
                temporary.replace(path)
            except BaseException:
                temporary.unlink(missing_ok=True)
                raise
    except OSError as error:
        raise cannot_write(path, error, "Choose another place.") from error
    sync_folder(path.parent)


def sync_folder(folder: Path) -> None:
    """Make a rename in `folder` last."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def is_at(descriptor: int, path: Path) -> bool:
    """Tell whether an open file is still the one that has this path."""
    try:
        return os.path.samestat(os.fstat(descriptor), os.stat(path, follow_symlinks=False))  # noqa: PTH116 - as `fstat`
    except FileNotFoundError:
        return False
