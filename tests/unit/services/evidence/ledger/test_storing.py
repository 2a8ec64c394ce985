"""Segments that are stored beside the merge: bounded by number and by bytes, and no fault is lost."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor

import pytest

from libs.common.segments.cut import Record
from services.evidence.ledger import frames
from services.evidence.ledger.frames import Framed
from services.evidence.ledger.storing import MAX_BYTES, MAX_UNDER_WAY, Storing
from services.evidence.threads import Interrupted

SMALL = frames.write([Record(b"key", b"{}", b'{"key":"key"}', b'{"t":null}', None)])
LARGE = Framed(SMALL.segment, (bytes(MAX_BYTES - 100), b"", b""))


class Store:
    """Keeps what is begun until it is told how each ends."""

    def __init__(self) -> None:
        self.begun: list[Future[None]] = []

    def __call__(self, _framed: Framed) -> Future[None]:
        self.begun.append(Future())
        return self.begun[-1]


@pytest.mark.parametrize(("framed", "room"), [(SMALL, MAX_UNDER_WAY), (LARGE, 1)])
def test_who_finds_no_room_waits_for_it(framed: Framed, room: int) -> None:
    store = Store()
    storing = Storing(store)
    for _ in range(room):
        storing.begin(framed)
    with ThreadPoolExecutor(1) as pool:
        more = pool.submit(storing.begin, framed)
        assert not has_ended(more)
        assert len(store.begun) == room
        store.begun[0].set_result(None)
        more.result()
    assert len(store.begun) == room + 1


def test_a_segment_larger_than_all_room_goes_alone() -> None:
    store = Store()
    Storing(store).begin(Framed(SMALL.segment, (bytes(2 * MAX_BYTES), b"", b"")))
    assert len(store.begun) == 1


def fail(future: Future[None]) -> None:
    future.set_exception(OSError("the disk is full"))


def stop(future: Future[None]) -> None:
    future.cancel()


@pytest.mark.parametrize(("end", "error"), [(fail, OSError), (stop, Interrupted)])
def test_what_failed_is_told_by_the_next_and_at_the_end(
    end: Callable[[Future[None]], None], error: type[Exception]
) -> None:
    store = Store()
    storing = Storing(store)
    storing.begin(SMALL)
    end(store.begun[0])
    with pytest.raises(error):
        storing.begin(SMALL)
    with pytest.raises(error):
        storing.finish()
    assert len(store.begun) == 1


def test_the_end_waits_for_all() -> None:
    store = Store()
    storing = Storing(store)
    storing.begin(SMALL)
    storing.begin(SMALL)
    with ThreadPoolExecutor(1) as pool:
        finished = pool.submit(storing.finish)
        store.begun[1].set_result(None)
        assert not has_ended(finished)
        store.begun[0].set_result(None)
        finished.result()


def has_ended(future: Future[None]) -> bool:
    """Say whether something ends within a moment in which it well could."""
    ended = threading.Event()
    future.add_done_callback(lambda _: ended.set())
    return ended.wait(0.2)
