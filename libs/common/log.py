"""Structured logs: one JSON line for each unit of work, on standard error."""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from datetime import UTC, datetime
from typing import Any

from libs.common import trace
from libs.common.errors import ExportError, Internal
from libs.common.repeats import Repeats

MAX_ERROR_CHARACTERS = 500  # of a text that may be anybody's
SHARED = ("tenant", "run", "stage")  # what a line within a unit of work takes over from it

# What ends a unit of work because nobody wants it any more: its caller left, its process stops.
_LEFT = (asyncio.CancelledError, GeneratorExit, KeyboardInterrupt)


class Line(dict[str, Any]):
    """The fields of one unit's line, and the error, if any, that it ended with."""

    error: BaseException | None = None


_line: ContextVar[Line | None] = ContextVar("line", default=None)


class JsonFormatter(logging.Formatter):
    """Writes a record as one JSON object: constant text in `message`, data beside it."""

    def __init__(self, service: str) -> None:
        super().__init__()
        self._service = service

    def format(self, record: logging.LogRecord) -> str:
        """Return the line; it names tenant, run, stage and trace of the unit of work that it stands in."""
        line: dict[str, Any] = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "service": self._service,
            "message": record.getMessage(),
        }
        if trace_id := trace.current_trace():
            line["trace"] = trace_id
        if around := _line.get():
            line.update((name, around[name]) for name in SHARED if name in around)
        line.update(getattr(record, "fields", {}))
        if record.exc_info:
            line["exception"] = self.formatException(record.exc_info)
        return json.dumps(line, default=str, ensure_ascii=False)


def configure(service: str, level: str) -> None:
    """Send all logging of this process to standard error as JSON lines."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(JsonFormatter(service))
    handler.addFilter(Repeats(time.monotonic))
    logging.basicConfig(level=level.upper(), handlers=[handler], force=True)
    logging.getLogger("psycopg").setLevel(logging.ERROR)  # what it warns of is raised, and then logged, too
    for chatty in ("nats", "httpx", "httpcore", "alembic", "asyncio", "uvicorn.access", "urllib3"):
        logging.getLogger(chatty).setLevel(logging.WARNING)


def note(**fields: Any) -> None:
    """Add to the line of the unit of work that goes on; outside of one it says nothing."""
    line = _line.get()
    if line is not None:
        line.update(fields)


def note_failure(error: Exception, outcome: str = "error") -> None:
    """Let the line of the unit that goes on say that it failed, although nothing is raised beyond it."""
    line = _line.get()
    if line is not None:
        line["outcome"] = outcome
        line.error = error


@contextmanager
def unit_of_work(logger: logging.Logger, message: str, **fields: Any) -> Iterator[Line]:
    """Log one line at the end with outcome and duration; what is added to the yielded fields is on it.

    An error is logged here once and raised on. What happens within adds by `note`.
    """
    start = time.perf_counter()
    line = Line(fields)
    token = _line.set(line)
    try:
        yield line
    except BaseException as error:
        line.error = error
        line["outcome"] = "cancelled" if isinstance(error, _LEFT) else "error"
        raise
    finally:
        with contextlib.suppress(ValueError):  # a stream that its reader leaves is closed in another context
            _line.reset(token)
        line.setdefault("outcome", "ok")
        line["duration_ms"] = round((time.perf_counter() - start) * 1000, 1)
        _write(logger, message, line)


def _write(logger: logging.Logger, message: str, line: Line) -> None:
    error = line.error
    if isinstance(error, Exception):
        line["error_code"] = error.code if isinstance(error, ExportError) else type(error).__name__
        line["error"] = str(error)[:MAX_ERROR_CHARACTERS]
    trace.describe(line)
    foreseen = error is None or isinstance(error, _LEFT) or _is_foreseen(error)
    level = logging.INFO if not isinstance(error, Exception) else logging.WARNING
    logger.log(
        level if foreseen else logging.ERROR,
        message,
        extra={"fields": line},
        exc_info=None if foreseen else error,
    )


def _is_foreseen(error: BaseException) -> bool:
    return isinstance(error, ExportError) and not isinstance(error, Internal)
