"""Chooses ports on loopback: kept over restarts, another one only where somebody else has taken it."""

from __future__ import annotations

import json
import socket
import sys
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path

from cli.stella.exit_codes import ExitCode
from cli.stella.failures import Code, CommandFailed

HTTP = "http"
PREFERRED_HTTP = 8480  # the command line's default server
LOOPBACK = "127.0.0.1"
MAX_PORT = 65535


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


class Claims:
    """Ports that this process has chosen, so that two suites that start together do not choose the same.

    Until a server listens nothing shows that a port is wanted. A claim is an abstract Unix socket of that
    name: the kernel gives it to one process, and takes it back when that ends. It is a Linux matter;
    elsewhere the second of two servers says that its port is taken.
    """

    def __init__(self) -> None:
        self._held: dict[int, socket.socket] = {}

    def is_free(self, port: int) -> bool:
        """Say whether a server of ours could listen on `port` now; if so, it is claimed."""
        if not is_free(port):
            return False
        if port in self._held or sys.platform != "linux":
            return True
        claim = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        try:
            claim.bind(f"\0stella-port-{port}")
        except OSError:
            claim.close()
            return False
        self._held[port] = claim
        return True

    def close(self) -> None:
        """Give all claims back."""
        for claim in self._held.values():
            claim.close()
        self._held.clear()


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
        listed = document.items()
    except (OSError, ValueError, AttributeError, RecursionError):
        return {}
    return {name: port for name, port in listed if type(port) is int and 0 < port <= MAX_PORT}


def render(ports: Mapping[str, int]) -> bytes:
    """Return the file that keeps them."""
    return json.dumps(dict(ports), indent=2).encode() + b"\n"
