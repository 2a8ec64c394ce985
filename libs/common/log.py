"""Structured logs: one JSON line for each unit of work, on standard error."""

from __future__ import annotations

import json
import logging
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any

from libs.common.errors import ExportError


class JsonFormatter(logging.Formatter):
    """Writes a record as one JSON object: constant text in `message`, data beside it."""

    def __init__(self, service: str) -> None:
        super().__init__()
        self._service = service

    def format(self, record: logging.LogRecord) -> str:
        """Return the line."""
        line: dict[str, Any] = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "service": self._service,
            "message": record.getMessage(),
        }
        line.update(getattr(record, "fields", {}))
        if record.exc_info:
            line["exception"] = self.formatException(record.exc_info)
        return json.dumps(line, default=str, ensure_ascii=False)


def configure(service: str, level: str) -> None:
    """Send all logging of this process to standard error as JSON lines."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(JsonFormatter(service))
    logging.basicConfig(level=level.upper(), handlers=[handler], force=True)
    for chatty in ("nats", "httpx", "httpcore", "alembic", "asyncio", "uvicorn.access"):
        logging.getLogger(chatty).setLevel(logging.WARNING)


@contextmanager
def unit_of_work(logger: logging.Logger, message: str, **fields: Any) -> Iterator[dict[str, Any]]:
    """Log one line at the end with outcome and duration; what is added to the yielded fields is on it.

    An error is logged here once and raised on.
    """
    start = time.perf_counter()
    line: dict[str, Any] = dict(fields)
    try:
        yield line
    except BaseException as error:
        line["outcome"] = "error"
        line["duration_ms"] = round((time.perf_counter() - start) * 1000, 1)
        line["error_code"] = error.code if isinstance(error, ExportError) else type(error).__name__
        expected = isinstance(error, ExportError) or not isinstance(error, Exception)
        logger.warning(message, extra={"fields": line | {"error": str(error)[:500]}}, exc_info=not expected)
        raise
    line.setdefault("outcome", "ok")
    line["duration_ms"] = round((time.perf_counter() - start) * 1000, 1)
    logger.info(message, extra={"fields": line})
