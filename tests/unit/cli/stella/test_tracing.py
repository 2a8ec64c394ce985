"""Every command has one trace, made when something is asked for in it."""

from __future__ import annotations

import re

import pytest

from cli.stella import app, tracing
from cli.stella.failures import CommandFailed
from libs.common import trace


def test_a_command_has_one_trace_and_the_next_one_another() -> None:
    with tracing.command("stella one"):
        first = tracing.traceparent()
        assert tracing.traceparent() == first
    with tracing.command("stella two"):
        assert tracing.trace_id() == ""
        assert tracing.traceparent() != first


def test_the_header_is_one_that_services_take() -> None:
    with tracing.command("stella"):
        header = tracing.traceparent()
    assert re.fullmatch(r"00-[0-9a-f]{32}-[0-9a-f]{16}-01", header)
    with trace.span("call", parent=header):
        assert trace.current_trace() == tracing.trace_id()


@pytest.mark.parametrize("endpoint", ["collector:4318", "ftp://collector", "http://user:secret@collector"])
def test_an_endpoint_that_cannot_be_one_is_wrong_usage(
    monkeypatch: pytest.MonkeyPatch, endpoint: str
) -> None:
    monkeypatch.setenv(tracing.ENDPOINT, endpoint)
    with tracing.command("stella"), pytest.raises(CommandFailed, match="STELLA_OTLP_ENDPOINT"):
        tracing.traceparent()


@pytest.mark.parametrize(
    ("arguments", "name"),
    [
        (["export", "run", "start", "nightly", "--wait"], "stella export run start"),
        (["--trace", "evidence", "import", "evidence"], "stella evidence import"),
        (["secret"], "stella"),
        ([], "stella"),
    ],
)
def test_a_span_is_named_by_the_commands_words_alone(arguments: list[str], name: str) -> None:
    assert app._name(arguments) == name
