"""Says why an address cannot be listened on, in words that a message may carry."""

from __future__ import annotations

import os
import socket

_SHOWN_CHARACTERS = 80  # of a text that may be anybody's


def cannot_listen(listen: str, error: Exception | None = None) -> str:
    """Return the reason; without the system's own error, the address is tried once more to learn it."""
    if error is None:
        error = _try(listen)
    if isinstance(error, OSError) and error.errno is not None:
        # A name that leads nowhere has a number of its own kind, which the system has no words for.
        known = error.strerror if isinstance(error, socket.gaierror) else os.strerror(error.errno)
        return f"`{listen[:_SHOWN_CHARACTERS]}` cannot be bound: {known}"
    return f"`{listen[:_SHOWN_CHARACTERS]}` cannot be bound"


def _try(listen: str) -> Exception | None:
    host, _, port = listen.rpartition(":")
    host = host.strip("[]")
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        with socket.socket(family, socket.SOCK_STREAM) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind((host, int(port)))
            probe.listen(1)
    except (OSError, ValueError, OverflowError) as error:
        return error
    return None
