"""Chooses ports on loopback: kept over restarts, another one only where somebody else has taken it."""

from __future__ import annotations

import json
import socket
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path

from cli.stella.exit_codes import ExitCode
from cli.stella.failures import Code, CommandFailed

HTTP = "http"
PREFERRED_HTTP = 8480  # the command line's default server
LOOPBACK = "127.0.0.1"


def free_port() -> int:
    """Return a port that nothing listens on now."""
    with socket.socket() as probe:
        probe.bind((LOOPBACK, 0))
        port: int = probe.getsockname()[1]
        return port


def is_free(port: int) -> bool:
    """Say whether a server could listen on `port` now."""
    with socket.socket() as probe:
        # As servers do: what is left of closed connections does not count, a listener does.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((LOOPBACK, port))
            probe.listen(1)
        except OSError:
            return False
        return True


def choose(
    names: Iterable[str],
    kept: Mapping[str, int],
    stated_http: int | None,
    free: Callable[[int], bool] = is_free,
    new: Callable[[], int] = free_port,
) -> dict[str, int]:
    """Return a port for each name: the one kept, where it is free and not given twice, else a new one.

    The port of the HTTP door may be stated; then it is that one or none.
    """
    if stated_http is not None and not free(stated_http):
        raise CommandFailed(
            ExitCode.USAGE,
            Code.START,
            f"Port {stated_http} (--http) is taken by another program",
            "Stop that program, or choose another port with --http.",
        )
    wanted = {HTTP: PREFERRED_HTTP, **kept}
    if stated_http is not None:
        wanted[HTTP] = stated_http
    chosen: dict[str, int] = {}
    for name in names:
        port = wanted.get(name, 0)
        while not port or port in chosen.values() or not (port == stated_http or free(port)):
            port = new()
        chosen[name] = port
    return chosen


def load(path: Path) -> dict[str, int]:
    """Return the ports that were kept; a file that is damaged only means new ones."""
    try:
        document = json.loads(path.read_bytes())
        return {str(name): int(port) for name, port in document.items()}
    except (OSError, ValueError, AttributeError, TypeError):
        return {}


def render(ports: Mapping[str, int]) -> bytes:
    """Return the file that keeps them."""
    return json.dumps(dict(ports), indent=2).encode() + b"\n"
