"""Runs nginx over a folder, as the peer that downloads stand beside: sendfile, nothing else."""

from __future__ import annotations

import contextlib
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

from cli.stella.supervise.ports import free_port

START_SECONDS = 20.0
_TEMPORARY = ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
_MISSING = (
    "nginx is missing: it is what downloads are measured beside. On Debian: apt-get install nginx-light"
)


def _configuration(folder: Path, port: int) -> str:
    temporary = "".join(f"{name}_temp_path {folder}/{name};" for name in _TEMPORARY)
    return (
        f"worker_processes 2; daemon off; pid {folder}/pid; error_log {folder}/error.log;"
        f"events {{ worker_connections 1024; }}"
        f"http {{ access_log off; sendfile on; tcp_nopush on; {temporary}"
        f"server {{ listen 127.0.0.1:{port}; root {folder}/www; }} }}"
    )


@contextlib.contextmanager
def serving(folder: Path, tar: Path) -> Iterator[tuple[str, int]]:
    """Serve a file until the end; yields its address and the server's process id."""
    program = shutil.which("nginx", path="/usr/sbin:/usr/bin:/usr/local/sbin:/usr/local/bin")
    if program is None:
        raise SystemExit(_MISSING)
    (folder / "www").mkdir(parents=True)
    (folder / "www" / "bundle.tar").hardlink_to(tar)
    (folder / "www" / "bundle.tar").chmod(0o644)
    port = free_port()
    (folder / "nginx.conf").write_text(_configuration(folder, port), encoding="ascii")
    process = subprocess.Popen([program, "-c", str(folder / "nginx.conf")], stderr=subprocess.DEVNULL)  # noqa: S603 - fixed words
    try:
        _await(port, process)
        yield f"http://127.0.0.1:{port}/bundle.tar", process.pid
    finally:
        process.terminate()
        process.wait()


def _await(port: int, process: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline and process.poll() is None:
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
            return
        time.sleep(0.05)
    raise SystemExit("nginx did not start")
