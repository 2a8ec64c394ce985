"""Opens bundles that lie in a tar or a folder, taking from either nothing but regular files within it."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from pathlib import Path
from threading import Lock
from typing import BinaryIO

from libs.common.bundle.faults import BadBundle, BadPath
from libs.common.bundle.layout import MAX_FILES, check_path
from libs.common.bundle.tar import READ_BYTES, read_members

MAX_DEPTH = 16  # folders below one another; bundles have five


class TarSource:
    """A bundle in a seekable tar; its members are indexed in one pass that reads headers alone."""

    def __init__(self, file: BinaryIO) -> None:
        """Take a file opened for reading; it stays open, and the caller's to close."""
        self._file = file
        self._places: dict[str, tuple[int, int]] = {}
        self._turn = Lock()  # whoever reads goes to its own place first

    def files(self) -> Iterator[tuple[str, int]]:
        """Yield path and length of each member; raise BadArchive where the tar is not a bundle's."""
        self._file.seek(0)
        for member in read_members(self._file):
            self._places[member.path] = (member.offset, member.size)
            # The next header is read from where this one left the file, whatever the caller does meanwhile.
            position = self._file.tell()
            yield member.path, member.size
            self._file.seek(position)

    def open(self, path: str) -> Iterator[bytes]:
        """Yield the bytes of a member that `files` has named."""
        offset, remaining = self._places[path]
        while remaining:
            with self._turn:
                self._file.seek(offset)
                chunk = self._file.read(min(READ_BYTES, remaining))
            if not chunk:
                raise BadBundle(path, "the archive was cut while it was read")
            offset += len(chunk)
            remaining -= len(chunk)
            yield chunk


class FolderSource:
    """A bundle unpacked in a folder; symbolic links and special files are refused, not followed."""

    def __init__(self, folder: Path) -> None:
        """Take the folder that holds `export.json`."""
        self._folder = folder
        self._folders = 0

    def files(self) -> Iterator[tuple[str, int]]:
        """Yield path and length of each file in ascending order of path; raise BadBundle at anything else."""
        found: list[tuple[str, int]] = []
        self._folders = 0
        self._walk("", 0, found)
        yield from sorted(found)

    def open(self, path: str) -> Iterator[bytes]:
        """Yield the bytes of one file."""
        try:
            descriptor = os.open(self._folder / check_path(path), os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
        except OSError as error:
            raise BadBundle(path, f"the file cannot be opened: {error.strerror}") from error
        with os.fdopen(descriptor, "rb", buffering=0) as file:
            if not stat.S_ISREG(os.fstat(descriptor).st_mode):
                raise BadBundle(path, "this is no regular file")
            while chunk := _read(file, path):
                yield chunk

    def _walk(self, prefix: str, depth: int, found: list[tuple[str, int]]) -> None:
        if depth > MAX_DEPTH:
            raise BadBundle(prefix, f"folders lie more than {MAX_DEPTH} deep")
        self._folders += 1
        if self._folders > MAX_FILES:
            raise BadBundle(prefix, f"a bundle has at most {MAX_FILES} folders")
        try:
            with os.scandir(self._folder / prefix) as entries:
                for entry in entries:
                    self._take(f"{prefix}{entry.name}", entry, depth, found)
        except OSError as error:
            raise BadBundle(prefix or ".", f"the folder cannot be read: {error.strerror}") from error

    def _take(self, path: str, entry: os.DirEntry[str], depth: int, found: list[tuple[str, int]]) -> None:
        status = entry.stat(follow_symlinks=False)
        if stat.S_ISDIR(status.st_mode):
            self._walk(f"{path}/", depth + 1, found)
        elif stat.S_ISREG(status.st_mode):
            found.append((path, status.st_size))
            if len(found) > MAX_FILES:
                raise BadPath(path, f"a bundle has at most {MAX_FILES} files")
        else:
            raise BadBundle(
                path, "this is a symbolic link or a special file; a bundle has regular files only"
            )


def _read(file: BinaryIO, path: str) -> bytes:
    try:
        return file.read(READ_BYTES)
    except OSError as error:
        raise BadBundle(path, f"the file cannot be read: {error.strerror}") from error
