"""Command line of the bus set-up: `python -m libs.common.bus provision` makes or updates the streams.

Reads EXPORT_NATS_URL, EXPORT_NATS_USER and EXPORT_NATS_PASSWORD_FILE.
"""

from __future__ import annotations

import asyncio
import os
import sys

from libs.common.bus.client import Bus, provision
from libs.common.errors import ExportError
from libs.common.settings import read_secret


async def _provision() -> None:
    password_file = os.environ.get("EXPORT_NATS_PASSWORD_FILE", "")
    bus = await Bus.connect(
        os.environ.get("EXPORT_NATS_URL", "nats://127.0.0.1:4222"),
        os.environ.get("EXPORT_NATS_USER", ""),
        read_secret("nats_password_file", password_file) if password_file else "",
        "provision",
    )
    await provision(bus)
    await bus.close()


def main(arguments: list[str]) -> int:
    """Run one command; a fault is one line on standard error."""
    if arguments != ["provision"]:
        sys.stderr.write(f"{__doc__}\n")
        return 2
    try:
        asyncio.run(_provision())
    except ExportError as error:
        sys.stderr.write(f"error: {error.message} ({error.code})\nhint: {error.remedy}\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
