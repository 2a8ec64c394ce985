"""Messages between the service and its processes: parts arrive as they were sent, a cut one not at all."""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor

import pytest

from services.evidence.importing.framing import Message, length_of, receive, send


def passed(message: Message, keep: int | None = None) -> Message | None:
    """Send a message through a pipe, or the first `keep` bytes of it, and return what is received."""
    reading, writing = os.pipe()
    with ThreadPoolExecutor(1) as threads, os.fdopen(reading, "rb") as incoming:
        if keep is None:
            sending = threads.submit(_sent, writing, message)
            received = receive(incoming)
            sending.result()
            return received
        whole = _bytes_of(message)
        os.write(writing, whole[:keep])
        os.close(writing)
        return receive(incoming)


def _sent(writing: int, message: Message) -> None:
    with os.fdopen(writing, "wb") as outgoing:
        send(outgoing, message)


def _bytes_of(message: Message) -> bytes:
    reading, writing = os.pipe()
    _sent(writing, message)
    with os.fdopen(reading, "rb") as incoming:
        return incoming.read()


@pytest.mark.parametrize("pieces", [0, 1, 511, 512, 5000], ids=str)
def test_parts_arrive_whole_however_many_pieces_they_were_sent_in(pieces: int) -> None:
    message = [(b"head",), tuple(b"%d" % number * 300 for number in range(pieces)), (b"",)]
    received = passed(message)
    assert received is not None
    assert received == [(b"".join(part),) for part in message]
    assert length_of(received) == length_of(message)


def test_a_message_that_breaks_off_anywhere_is_none() -> None:
    message = [(b"head",), (b"a", b"b")]
    for keep in range(len(_bytes_of(message))):
        assert passed(message, keep) is None
