"""The embedded NATS JetStream: a real server from a wheel, with a user and permissions for each service."""

from __future__ import annotations

import json
import shutil
import sys
from collections.abc import Mapping
from pathlib import Path

from cli.stella.files import PRIVATE_MODE, write_whole
from libs.common.bus.subjects import PERMISSIONS


def program() -> str:
    """Return the path of the server that the wheel installed."""
    beside = Path(sys.executable).parent / "nats-server"
    found = str(beside) if beside.exists() else shutil.which("nats-server")
    if found is None:
        raise FileNotFoundError("nats-server is missing: install the `embedded` extra")
    return found


def write_config(path: Path, data: Path, port: int, passwords: Mapping[str, str]) -> None:
    """Write the server's configuration (JSON is valid NATS configuration), readable by the owner alone."""
    users = [
        {
            "user": name,
            "password": passwords[name],
            "permissions": {
                "publish": {"allow": list(rights.publish)},
                "subscribe": {"allow": list(rights.subscribe)},
            },
        }
        for name, rights in PERMISSIONS.items()
    ]
    config = {
        "host": "127.0.0.1",
        "port": port,
        "server_name": "export-center",
        "jetstream": {"store_dir": str(data), "sync_interval": "always"},
        "authorization": {"users": users},
        "max_payload": 1 << 20,
    }
    write_whole(path, json.dumps(config, indent=2).encode(), PRIVATE_MODE)


def command(config: Path) -> list[str]:
    """Return the command that runs the server in the foreground."""
    return [program(), "-c", str(config)]
