"""The trace of this command, which every request carries; its span goes to a collector that is named."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from dataclasses import dataclass, field

from cli.stella.failures import wrong_usage

ENDPOINT = "STELLA_OTLP_ENDPOINT"
HEADER = "traceparent"


@dataclass(slots=True)
class _Trace:
    """The trace of the command that runs; `header` is empty until something asks for it."""

    name: str = ""
    header: str = ""
    spans: contextlib.ExitStack = field(default_factory=contextlib.ExitStack)


_trace = _Trace()


@contextlib.contextmanager
def command(name: str) -> Iterator[None]:
    """Let what happens within be one command; a command that asks no server costs nothing."""
    with contextlib.ExitStack() as spans:
        _trace.name, _trace.header, _trace.spans = name, "", spans
        yield


def traceparent() -> str:
    """Return the header that requests of this command carry."""
    if not _trace.header:
        endpoint = os.environ.get(ENDPOINT, "")
        _trace.header = _root_span(endpoint) if endpoint else _made_up()
    return _trace.header


def trace_id() -> str:
    """Return the trace id of this command, or an empty string where nothing was asked for in it."""
    return _trace.header[3:35]


def _made_up() -> str:
    # Not by the library, which takes as long to load as a short command takes in all.
    return f"00-{os.urandom(16).hex()}-{os.urandom(8).hex()}-01"


def _root_span(endpoint: str) -> str:
    from libs.common import trace  # noqa: PLC0415 - loaded where it is used alone, see above
    from libs.common.settings import BadSetting  # noqa: PLC0415 - the same

    try:
        _trace.spans.enter_context(trace.exporting("stella", endpoint, ENDPOINT))
    except BadSetting as error:
        raise wrong_usage(error.message, error.remedy) from error
    _trace.spans.enter_context(trace.span(_trace.name))
    return trace.traceparent()
