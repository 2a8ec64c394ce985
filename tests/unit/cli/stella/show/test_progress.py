"""Progress: one line every five seconds or tenth without a terminal, a sliding rate, the time left."""

from __future__ import annotations

import io

from cli.stella.show.progress import Progress, SlidingRate, SparseLines, Unit, line, open_progress

MIB = 1 << 20


class Clock:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


def test_a_line_says_share_amount_rate_and_time_left() -> None:
    expected = "import  25 %  10.0 MiB of 40.0 MiB  2.0 MiB/s  15 s left  reading"
    assert expected == line("import", Unit.BYTES, 10 * MIB, 40 * MIB, 2 * MIB, "reading")


def test_a_line_without_a_total_says_what_is_done() -> None:
    assert line("run", Unit.SHARDS, 3, None, 1.0) == "run  3 shards"


def test_a_line_is_written_each_tenth() -> None:
    stream, clock = io.StringIO(), Clock()
    lines = SparseLines("x", Unit.BYTES, stream, clock)
    for done in range(101):
        clock.now += 0.06
        lines.move(done, 100)
    assert [f"{share} %" for share in range(10, 101, 10)] == [
        written.split("  ")[1] for written in stream.getvalue().splitlines()
    ]


def test_a_line_is_written_after_five_seconds_even_if_nothing_moves() -> None:
    stream, clock = io.StringIO(), Clock()
    lines = SparseLines("x", Unit.BYTES, stream, clock)
    for _ in range(11):
        clock.now += 1
        lines.move(1, 1000)
    assert len(stream.getvalue().splitlines()) == 2


def test_what_is_done_at_once_needs_no_line() -> None:
    stream, clock = io.StringIO(), Clock()
    lines = SparseLines("x", Unit.BYTES, stream, clock)
    for done in range(101):
        clock.now += 0.001
        lines.move(done, 100)
    assert stream.getvalue() == ""


def test_a_new_note_is_news() -> None:
    stream = io.StringIO()
    lines = SparseLines("run", Unit.SHARDS, stream, Clock())
    for note in ("planning", "planning", "adapting"):
        lines.move(0, 10, note, "detail")
    assert len(stream.getvalue().splitlines()) == 2


def test_the_rate_is_that_of_the_last_seconds() -> None:
    rate = SlidingRate()
    done = 0
    for second in range(40):
        done += 100 if second < 20 else 0
        pace = rate.at(float(second), done)
    assert pace == 0


def test_quiet_shows_nothing() -> None:
    stream = io.StringIO()
    progress = open_progress("x", Unit.BYTES, stream, quiet=True)
    assert type(progress) is Progress
    progress.move(1, 1)
    assert stream.getvalue() == ""
