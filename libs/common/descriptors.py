"""Raises how many files a process may have open, and refuses work that would come too near to it."""

from __future__ import annotations

import os
import resource

from libs.common.errors import NoRoom

# What a process needs beside downloads: database, bus, logs, blobs that are being written, new connections.
RESERVED = 64


def allow_many() -> None:
    """Let this process open as many files as it may without privilege: a download takes about five."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


def check_room(part: str) -> None:
    """Raise `NoRoom` where hardly another file can be opened; `part` is who cannot go on.

    A new descriptor has the lowest free number, so a high one says that nearly all below it are in use.
    """
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    try:
        lowest = os.open(os.devnull, os.O_RDONLY | os.O_CLOEXEC)
    except OSError as error:
        raise NoRoom(part=part, reason=error.strerror or type(error).__name__) from error
    os.close(lowest)
    if soft != resource.RLIM_INFINITY and lowest + RESERVED > soft:
        raise NoRoom(part=part, reason=f"nearly all of its {soft} files and connections are open")
