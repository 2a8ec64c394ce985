"""Keeps the lines that a service would write, as their JSON says them."""

from __future__ import annotations

import contextlib
import json
import logging
from collections.abc import Iterator
from typing import Any

from libs.common.log import JsonFormatter


class Lines(logging.Handler):
    """Every line so far."""

    def __init__(self) -> None:
        super().__init__()
        self.setFormatter(JsonFormatter("test"))
        self.found: list[dict[str, Any]] = []

    def emit(self, record: logging.LogRecord) -> None:
        """Keep one line."""
        self.found.append(json.loads(self.format(record)))


@contextlib.contextmanager
def lines_of(name: str) -> Iterator[Lines]:
    """Keep what is logged under `name` until the end."""
    logger, lines = logging.getLogger(name), Lines()
    before = logger.level
    logger.setLevel(logging.INFO)
    logger.addHandler(lines)
    try:
        yield lines
    finally:
        logger.removeHandler(lines)
        logger.setLevel(before)
