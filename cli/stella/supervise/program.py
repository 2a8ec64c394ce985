"""Describes a process to be supervised, and the states it can be in."""

from __future__ import annotations

import signal
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path

Probe = Callable[[], Awaitable[bool]]


class State(StrEnum):
    """Where a process is in its life."""

    WAITING = "waiting"
    STARTING = "starting"
    READY = "ready"
    RESTARTING = "restarting"
    STOPPING = "stopping"
    STOPPED = "stopped"
    FAILED = "failed"


async def always() -> bool:
    """Say that a process is ready as soon as it lives."""
    return True


@dataclass(frozen=True, slots=True)
class Program:
    """One process: how it is started, when it is ready, how it is asked to end."""

    name: str
    command: tuple[str, ...]
    log: Path
    environment: Mapping[str, str] = field(default_factory=dict)
    folder: str = "/"
    address: str = ""
    ready: Probe = always
    ready_file: Path | None = None  # written by the process; removed before each start
    stop_signal: int = signal.SIGTERM
    stop_seconds: float = 10.0
    death_signal: int = signal.SIGKILL  # sent by the kernel when the supervisor dies
    user: str | None = None
    alarm: bytes = b""  # once it writes this it needs a new start, which the suite gives at the right time
