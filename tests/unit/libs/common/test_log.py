"""Every unit of work writes one line, with all that was noted within it."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Iterator

import pytest

from libs.common import trace
from libs.common.errors import Internal, Unavailable
from libs.common.log import note, note_failure, unit_of_work
from tests.kit.log_lines import Lines, lines_of

TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"


Log = tuple[logging.Logger, Lines]


@pytest.fixture
def log() -> Iterator[Log]:
    with lines_of(__name__) as lines:
        yield logging.getLogger(__name__), lines


def test_a_unit_is_one_line_with_outcome_and_duration(log: Log) -> None:
    logger, lines = log
    with unit_of_work(logger, "work", queue="sign") as line:
        line["bytes"] = 5
        note(tenant="acme")
    (found,) = lines.found
    assert (found["message"], found["level"], found["outcome"]) == ("work", "info", "ok")
    assert (found["queue"], found["bytes"], found["tenant"]) == ("sign", 5, "acme")
    assert found["duration_ms"] >= 0


def test_a_line_names_its_trace_and_the_unit_that_it_stands_in(log: Log) -> None:
    logger, lines = log
    with (
        trace.span("work", parent=f"00-{TRACE}-00f067aa0ba902b7-01"),
        unit_of_work(logger, "work", tenant="acme", run="r-1", queue="sign"),
    ):
        logger.warning("something is odd")
    odd, work = lines.found
    assert (odd["trace"], odd["tenant"], odd["run"], "queue" in odd) == (TRACE, "acme", "r-1", False)
    assert work["trace"] == TRACE


@pytest.mark.parametrize(
    ("error", "code", "level", "has_origin"),
    [
        (Unavailable(dependency="the bus", reason="x"), "ERR_EXPORT_UNAVAILABLE", "warning", False),
        (Internal(part="x", reason="y"), "ERR_EXPORT_INTERNAL", "error", True),
        (KeyError("x"), "KeyError", "error", True),
    ],
    ids=["foreseen", "internal", "unforeseen"],
)
def test_an_error_is_on_the_line_and_raised_on(
    log: Log, error: Exception, code: str, level: str, has_origin: bool
) -> None:
    logger, lines = log
    with pytest.raises(type(error)), unit_of_work(logger, "call"):
        raise error
    (found,) = lines.found
    assert (found["outcome"], found["error_code"], found["level"]) == ("error", code, level)
    assert ("exception" in found) == has_origin


def test_a_failure_that_is_answered_for_within_is_on_the_line(log: Log) -> None:
    logger, lines = log
    with unit_of_work(logger, "work"):
        note_failure(Unavailable(dependency="the bus", reason="x"), "retry")
    (found,) = lines.found
    assert (found["outcome"], found["error_code"], found["level"]) == (
        "retry",
        "ERR_EXPORT_UNAVAILABLE",
        "warning",
    )


async def test_work_that_nobody_wants_any_more_is_cancelled_and_no_error(log: Log) -> None:
    logger, lines = log

    async def work() -> None:
        with unit_of_work(logger, "call"):
            await asyncio.Event().wait()

    task = asyncio.create_task(work())
    await asyncio.sleep(0)
    task.cancel()
    await asyncio.wait({task})
    (found,) = lines.found
    assert (found["outcome"], found["level"]) == ("cancelled", "info")


async def test_a_stream_that_its_reader_leaves_is_one_cancelled_unit(log: Log) -> None:
    logger, lines = log

    async def numbers() -> AsyncIterator[int]:
        with unit_of_work(logger, "call"):
            yield 1
            yield 2

    stream = numbers()
    await asyncio.create_task(anext(stream))  # type: ignore[arg-type] # an awaitable is enough
    await asyncio.create_task(stream.aclose())  # type: ignore[attr-defined] # a generator
    assert [found["outcome"] for found in lines.found] == ["cancelled"]


def test_a_note_outside_of_any_unit_is_nothing(log: Log) -> None:
    _, lines = log
    note(tenant="acme")
    note_failure(KeyError("x"))
    assert lines.found == []


async def test_what_a_task_within_notes_is_on_the_line(log: Log) -> None:
    logger, lines = log

    async def within() -> None:
        note(records=7)

    with unit_of_work(logger, "call"):
        await asyncio.create_task(within())
    assert lines.found[0]["records"] == 7


def test_a_hostile_text_stays_one_line_and_short(log: Log) -> None:
    logger, lines = log
    with pytest.raises(ValueError, match="x"), unit_of_work(logger, "call"):
        raise ValueError("x\n" * 10_000)
    assert len(lines.found[0]["error"]) == 500
