"""Server-sent events are read as the standard says."""

from __future__ import annotations

from cli.stella.transfer.events import Event, parse
from cli.stella.transfer.lines import lines


def events(raw: bytes, size: int = 7) -> list[Event | None]:
    return list(parse(lines(raw[start : start + size] for start in range(0, len(raw), size))))


def test_an_event_ends_at_an_empty_line() -> None:
    assert [Event("1", b"{}"), Event("2", b"[]")] == events(
        b"id: 1\ndata: {}\n\nid: 2\nevent: x\ndata: []\n\n"
    )


def test_line_ends_may_have_a_carriage_return() -> None:
    assert [Event("1", b"{}")] == events(b"id: 1\r\ndata: {}\r\n\r\n")


def test_several_data_lines_are_joined() -> None:
    assert [Event("", b"a\nb")] == events(b"data: a\ndata:b\n\n")


def test_a_comment_is_a_heartbeat() -> None:
    assert [None, Event("", b"a")] == events(b": still here\n\ndata: a\n\n")


def test_an_event_that_was_cut_off_is_dropped() -> None:
    assert events(b"id: 1\ndata: {}\n") == []


def test_only_line_feeds_end_lines() -> None:
    text = '{"a":"\u2028\x85"}'.encode()
    assert [Event("", text)] == events(b"data: " + text + b"\n\n")
