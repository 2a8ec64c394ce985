"""Finds the files of an import and names them: folder and file with `/`, sorted, none twice."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from cli.stella.failures import wrong_file, wrong_usage

MAX_NAME_CHARACTERS = 1024  # what the contract takes
MAX_FILES = 1_000_000  # names are held in memory; more belong into archives
HIDDEN = "."


@dataclass(frozen=True, slots=True)
class Outgoing:
    """A file to send: its name at the other side, where it is here, how long it is."""

    name: str
    path: Path
    size: int


def gather(paths: Iterable[Path]) -> list[Outgoing]:
    """Return all files under `paths`, sorted by name.

    A name begins with the last folder's name, for a single file that of the folder it is in, since kinds and
    sources are told by it. Hidden files are left out, as are links to folders, which could lead in circles.
    """
    found: dict[str, Outgoing] = {}
    for path in paths:
        for outgoing in _under(path):
            other = found.setdefault(outgoing.name, outgoing)
            if other.path.resolve() != outgoing.path.resolve():
                raise wrong_usage(
                    f"`{other.path}` and `{outgoing.path}` would both be named `{outgoing.name}`.",
                    "Import them one after the other, or rename a folder.",
                )
            if len(found) > MAX_FILES:
                raise wrong_usage(
                    f"There are more than {MAX_FILES:,} files.", "Pack them into archives, or go by folder."
                )
    if not found:
        raise wrong_usage("There is no file to import there.", "Name a file, or a folder that holds files.")
    return [found[name] for name in sorted(found)]


def _under(path: Path) -> Iterator[Outgoing]:
    try:
        status = path.stat()
    except OSError as error:
        raise wrong_file(f"`{path}` cannot be read: {error.strerror}", "Check the path.") from error
    folder = path.resolve()
    if stat.S_ISREG(status.st_mode):
        parent = path.absolute().parent.resolve()
        yield _outgoing(_join(parent.name, path.name), path, status.st_size)
    elif stat.S_ISDIR(status.st_mode):
        yield from _walk(folder, folder.name)
    else:
        raise wrong_usage(f"`{path}` is neither a file nor a folder.", "Name a file or a folder.")


def _walk(folder: Path, prefix: str) -> Iterator[Outgoing]:
    try:
        with os.scandir(folder) as scanned:
            entries = sorted(scanned, key=lambda entry: entry.name)
    except OSError as error:
        raise wrong_file(f"`{folder}` cannot be read: {error.strerror}", "Mend its permissions.") from error
    for entry in entries:
        if entry.name.startswith(HIDDEN):
            continue
        if entry.is_dir(follow_symlinks=False):
            yield from _walk(Path(entry.path), _join(prefix, entry.name))
        elif entry.is_file():
            yield _outgoing(_join(prefix, entry.name), Path(entry.path), entry.stat().st_size)


def _join(prefix: str, name: str) -> str:
    return f"{prefix}/{name}" if prefix else name


def _outgoing(name: str, path: Path, size: int) -> Outgoing:
    try:
        name.encode("utf-8")
    except UnicodeEncodeError as error:
        raise wrong_file(f"The name of {os.fsencode(path)!r} is not UTF-8", "Rename it.") from error
    if len(name) > MAX_NAME_CHARACTERS:
        raise wrong_file(
            f"`{name[:80]}…` has more than {MAX_NAME_CHARACTERS} characters", "Shorten its path."
        )
    return Outgoing(name, path, size)
