"""A fault that lasts does not flood a log, and nothing else is left out of it."""

from __future__ import annotations

import logging
import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from libs.common.repeats import MAX_KNOWN, QUIET_SECONDS, Repeats


def record(message: str, level: int = logging.WARNING, **fields: Any) -> logging.LogRecord:
    made = logging.LogRecord("test", level, __file__, 1, message, None, None)
    made.fields = fields
    return made


class Clock:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


def test_the_same_warning_is_written_once_a_minute_with_the_number_of_those_that_were_not() -> None:
    clock = Clock()
    repeats = Repeats(clock)
    written = []
    for second in range(3600):
        clock.now = float(second)
        one = record("bus reports", error="refused")
        if repeats.filter(one):
            written.append(one.fields.get("repeated", 0))  # type: ignore[attr-defined] # as `extra` sets it
    assert written == [0, *[QUIET_SECONDS - 1] * 59]


class SlowlyFound(str):
    """A text that takes a moment to be looked up, in which other threads have their turn."""

    __slots__ = ()

    def __hash__(self) -> int:
        time.sleep(0.01)
        return super().__hash__()

    def __eq__(self, other: object) -> bool:
        return super().__eq__(other)


def test_of_many_threads_that_say_the_same_one_is_heard() -> None:
    repeats, name = Repeats(Clock()), SlowlyFound("test")

    def say(_: int) -> bool:
        one = record("bus reports", error="refused")
        one.name = name
        return repeats.filter(one)

    with ThreadPoolExecutor(8) as threads:
        assert sum(threads.map(say, range(16))) == 1


def test_another_text_or_another_field_is_written_at_once() -> None:
    repeats = Repeats(Clock())
    records = [record("a", error="x"), record("b", error="x"), record("a", error="y"), record("a", error="x")]
    assert [repeats.filter(one) for one in records] == [True, True, True, False]


def test_what_is_no_warning_and_what_ends_a_unit_of_work_is_always_written() -> None:
    repeats = Repeats(Clock())
    for _ in range(3):
        assert repeats.filter(record("serving", logging.INFO))
        assert repeats.filter(record("work done", outcome="error", error="x"))


def test_what_it_remembers_is_bounded() -> None:
    repeats = Repeats(Clock())
    for number in range(MAX_KNOWN + 1):
        assert repeats.filter(record("fault", number=number))
    assert not repeats.filter(record("fault", number=MAX_KNOWN))
    assert repeats.filter(record("fault", number=0))
