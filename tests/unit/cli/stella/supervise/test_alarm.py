"""An alarm rings for its text alone, in whatever pieces it comes, and again only after a reset."""

from __future__ import annotations

import pytest

from cli.stella.supervise.alarm import Alarm

TEXT = b"no space left"


@pytest.mark.parametrize("cut", range(len(TEXT) + 1))
def test_it_hears_a_text_that_comes_in_two_pieces(cut: int) -> None:
    alarm = Alarm(TEXT)
    alarm.hear(b"write: " + TEXT[:cut])
    alarm.hear(TEXT[cut:] + b" on device\n")
    assert alarm.has_rung


def test_it_hears_a_text_that_comes_byte_by_byte() -> None:
    alarm = Alarm(TEXT)
    for value in b"write: " + TEXT:
        assert not alarm.has_rung
        alarm.hear(bytes([value]))
    assert alarm.has_rung


def test_another_text_does_not_ring() -> None:
    alarm = Alarm(TEXT)
    alarm.hear(b"no space")
    alarm.hear(b" is left")
    assert not alarm.has_rung


def test_without_a_text_nothing_rings() -> None:
    alarm = Alarm(b"")
    alarm.hear(b"anything")
    assert not alarm.has_rung


def test_after_a_reset_what_came_before_does_not_count() -> None:
    alarm = Alarm(TEXT)
    alarm.hear(TEXT)
    alarm.reset()
    assert not alarm.has_rung
    alarm.hear(TEXT[:4])
    alarm.reset()
    alarm.hear(TEXT[4:])
    assert not alarm.has_rung
