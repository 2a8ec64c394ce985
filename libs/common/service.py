"""What every service does at its start: read settings, set up logs, tell a fault, say that it is ready."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any, TypeVar

from libs.common import points, settings
from libs.common.descriptors import allow_many
from libs.common.errors import ExportError
from libs.common.log import configure
from libs.common.memory import keep_memory_small
from libs.common.trace import exporting

S = TypeVar("S", bound=settings.ServiceSettings)


def run(service: str, kind: type[S], work: Callable[[S], Coroutine[Any, Any, None]]) -> int:
    """Run `work` with the settings of `kind` to its end and return the exit code.

    A fault is two lines on standard error: what happened, and what to do.
    """
    try:
        configuration = settings.load(kind)
        configure(service, configuration.log_level)
        points.arm(configuration.points_directory, service)
        keep_memory_small()
        allow_many()
        with exporting(service, configuration.otlp_endpoint):
            asyncio.run(work(configuration))
    except ExportError as error:
        sys.stderr.write(f"error: {error.message} ({error.code})\nhint: {error.remedy}\n")
        return 1
    return 0


def write_whole(path: Path, text: str) -> None:
    """Write a file that readers see whole or not at all."""
    temporary = path.with_name(path.name + ".new")
    temporary.write_text(text, encoding="utf-8")
    temporary.replace(path)
