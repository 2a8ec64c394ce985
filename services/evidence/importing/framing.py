"""Sends and receives messages between the service and its processes: lengths, then bytes, none copied."""

from __future__ import annotations

import os
import struct
from collections.abc import Sequence
from itertools import chain
from typing import IO

Message = Sequence[tuple[bytes, ...]]  # parts, each in pieces; received ones are whole

_LENGTH = struct.Struct("<Q")
_AT_ONCE = 512  # buffers in one call: half of what Linux and macOS take


def length_of(message: Message) -> int:
    """Return the bytes of all parts."""
    return sum(map(len, chain.from_iterable(message)))


def send(stream: IO[bytes], message: Message) -> None:
    """Write one message past the buffer of `stream`, which nothing else may use."""
    lengths = [sum(map(len, part)) for part in message]
    prefix = b"".join(map(_LENGTH.pack, (len(lengths), *lengths)))
    buffers = [prefix, *chain.from_iterable(message)]
    for start in range(0, len(buffers), _AT_ONCE):
        _write(stream.fileno(), buffers[start : start + _AT_ONCE])


def _write(descriptor: int, buffers: Sequence[bytes]) -> None:
    written = os.writev(descriptor, buffers)
    for buffer in buffers:
        left = memoryview(buffer)[written:]
        written = max(0, written - len(buffer))
        while left:
            left = left[os.write(descriptor, left) :]


def receive(stream: IO[bytes]) -> Message | None:
    """Read one message; None where the other side has closed, be it in the middle of one."""
    count = _lengths(stream, 1)
    lengths = _lengths(stream, count[0]) if count else None
    if lengths is None:
        return None
    parts = []
    for length in lengths:
        part = stream.read(length)
        if len(part) < length:
            return None
        parts.append((part,))
    return parts


def _lengths(stream: IO[bytes], count: int) -> list[int] | None:
    prefix = stream.read(count * _LENGTH.size)
    if len(prefix) < count * _LENGTH.size:
        return None
    return [length for (length,) in _LENGTH.iter_unpack(prefix)]
