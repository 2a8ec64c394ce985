"""Keeps what a process writes in a file that cannot grow without end."""

from __future__ import annotations

import errno
from pathlib import Path

MAX_FILE_BYTES = 5 << 20  # of one file; with its predecessors a process holds at most three times that
PREDECESSORS = 2
TAIL_BYTES = 16 * 1024
TAIL_LINES = 20


class RotatingLog:
    """A log file; when it is full it becomes `….log.1`, and that one `….log.2`."""

    def __init__(self, path: Path, max_bytes: int = MAX_FILE_BYTES) -> None:
        self.path = path
        self._max_bytes = max_bytes
        self._file = path.open("ab", buffering=0)
        self._size = path.stat().st_size

    def write(self, data: bytes) -> None:
        """Append; lines may be cut where a file is full, and are lost where the disk is."""
        if self._size + len(data) > self._max_bytes and self._size:
            self._rotate()
        try:
            self._file.write(data)
        except OSError as error:
            # A process that is not listened to stands still: to lose its words is better.
            if error.errno not in (errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EIO):
                raise
            return
        self._size += len(data)

    def _rotate(self) -> None:
        self._file.close()
        for number in range(PREDECESSORS, 0, -1):
            older = self.path.with_name(f"{self.path.name}.{number}")
            newer = self.path if number == 1 else self.path.with_name(f"{self.path.name}.{number - 1}")
            if newer.exists():
                newer.replace(older)
        self._file = self.path.open("ab", buffering=0)
        self._size = 0

    def close(self) -> None:
        """Close the file."""
        self._file.close()


def tail(path: Path, lines: int = TAIL_LINES, since: int = 0) -> str:
    """Return the last lines of a log, none before byte `since` while the file is that long."""
    try:
        with path.open("rb") as file:
            size = path.stat().st_size
            file.seek(max(since if since <= size else 0, size - TAIL_BYTES))
            text = file.read().decode("utf-8", "replace")
    except OSError:
        return ""
    return "\n".join(text.splitlines()[-lines:])
