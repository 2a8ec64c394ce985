"""Traces come in and go out as W3C trace context, and are spans where an exporter is configured."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator

import pytest
from opentelemetry.trace import SpanKind

from libs.common import trace
from libs.common.settings import BadSetting
from tests.kit.collector import Collector, running_collector

TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"
HEADER = f"00-{TRACE}-00f067aa0ba902b7-01"
COLLECT_SECONDS = 20.0


@pytest.fixture
def collector() -> Iterator[Collector]:
    with running_collector() as running:
        yield running


def test_outside_of_any_work_there_is_no_trace() -> None:
    assert (trace.current_trace(), trace.traceparent(), trace.headers()) == ("", "", {})


def test_without_an_exporter_the_callers_context_is_passed_on_as_it_came() -> None:
    with trace.span("call", parent=HEADER), trace.span("within"):
        assert (trace.current_trace(), trace.traceparent()) == (TRACE, HEADER)
    assert trace.current_trace() == ""


@pytest.mark.parametrize(
    "header",
    [
        "",
        "garbage",
        f"00-{TRACE}",
        f"00-{TRACE.upper()}-00f067aa0ba902b7-01",
        f"00-{'0' * 32}-00f067aa0ba902b7-01",
        f"00-{TRACE}-{'0' * 16}-01",
        f"ff-{TRACE}-00f067aa0ba902b7-01",
        f"{HEADER}-more",
        f"{HEADER}\n",
        f" {HEADER}",
        HEADER * 1000,
    ],
)
def test_a_header_that_is_not_valid_begins_a_new_trace(header: str) -> None:
    with trace.span("call", parent=header):
        assert len(trace.current_trace()) == 32
        assert trace.current_trace() != TRACE


def test_every_piece_of_work_that_nobody_asked_for_has_a_trace_of_its_own() -> None:
    found = set()
    for _ in range(3):
        with trace.span("sweep"):
            found.add(trace.current_trace())
    assert len(found) == 3


def test_whether_a_header_is_of_the_present_trace_is_told_by_its_trace_id() -> None:
    with trace.span("call", parent=HEADER):
        assert trace.is_of_current_trace(f"00-{TRACE}-1111111111111111-00")
        assert not trace.is_of_current_trace("")


async def test_tasks_keep_to_their_own_traces() -> None:
    async def work(header: str) -> str:
        with trace.span("work", parent=header):
            await asyncio.sleep(0)
            return trace.current_trace()

    headers = [f"00-{number:032x}-00f067aa0ba902b7-01" for number in range(1, 9)]
    assert await asyncio.gather(*map(work, headers)) == [header[3:35] for header in headers]


async def test_a_stream_that_its_reader_leaves_is_closed_without_an_error() -> None:
    async def numbers() -> AsyncIterator[int]:
        with trace.span("stream", parent=HEADER):
            yield 1
            yield 2

    stream = numbers()
    assert await asyncio.create_task(anext(stream)) == 1  # type: ignore[arg-type] # an awaitable is enough
    await asyncio.create_task(stream.aclose())  # type: ignore[attr-defined] # a generator
    assert trace.current_trace() == ""


def test_spans_are_exported_with_parents_and_what_their_work_was(collector: Collector) -> None:
    with (
        trace.exporting("planner", collector.endpoint),
        trace.span("call", SpanKind.SERVER, parent=HEADER),
    ):
        trace.describe({"tenant": "acme", "outcome": "ok", "bytes": 5, "error": "secret"})
        with trace.span("within"):
            inner = trace.traceparent()
    outer, within = sorted(collector.spans(TRACE), key=lambda span: span.name)
    assert (outer.service, outer.parent, outer.is_unit) == ("planner", "00f067aa0ba902b7", True)
    assert (within.parent, within.id, within.is_unit) == (outer.id, inner.split("-")[2], False)
    assert outer.attributes == {"stella.tenant": "acme", "stella.outcome": "ok"}


def test_a_caller_cannot_keep_its_work_from_being_traced(collector: Collector) -> None:
    with trace.exporting("planner", collector.endpoint), trace.span("call", parent=f"{HEADER[:-2]}00"):
        pass
    assert [span.name for span in collector.spans(TRACE)] == ["call"]


def test_work_for_a_run_links_to_the_call_that_caused_it(collector: Collector) -> None:
    with trace.exporting("planner", collector.endpoint), trace.span("retry"):
        other = trace.current_trace()
        with trace.span("run queued", parent=HEADER, linked=True):
            assert trace.current_trace() == TRACE
    (span,) = collector.spans(TRACE)
    assert span.links == (other,)


def test_what_ends_with_an_error_still_ends(collector: Collector) -> None:
    with (
        trace.exporting("planner", collector.endpoint),
        pytest.raises(KeyError),
        trace.span("call", parent=HEADER),
    ):
        raise KeyError("secret")
    (span,) = collector.spans(TRACE)
    assert "secret" not in repr(span)


def test_after_the_end_nothing_is_exported(collector: Collector) -> None:
    with trace.exporting("planner", collector.endpoint):
        pass
    with trace.span("late", parent=HEADER):
        assert trace.traceparent() == HEADER
    assert collector.spans() == []


@pytest.mark.parametrize(
    "endpoint", ["collector:4318", "grpc://collector", "http://", "http://user:secret@collector:4318"]
)
def test_an_endpoint_that_cannot_be_one_is_a_bad_setting(endpoint: str) -> None:
    with (
        pytest.raises(BadSetting, match="EXPORT_OTLP_ENDPOINT"),
        trace.exporting("planner", endpoint),
    ):
        pass
