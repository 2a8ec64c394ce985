"""Rules of bounded reading."""

from __future__ import annotations

import hashlib
import itertools
from collections.abc import Iterator

import pytest

from libs.common.bundle.faults import BadBundle
from libs.common.bundle.reading import HashingReader, read_whole
from tests.kit.bundles import MemorySource


def test_what_is_read_is_hashed() -> None:
    reader = HashingReader(iter([b"ab", b"", b"cde"]), "file", 5)
    assert [reader.read(3), reader.read(3), reader.read(9), reader.read(1)] == [b"ab", b"cde", b"", b""]
    assert (reader.count, reader.digest) == (5, f"sha256:{hashlib.sha256(b'abcde').hexdigest()}")


def test_exactly_the_limit_is_no_surplus() -> None:
    reader = HashingReader(iter([b"abc"]), "file", 3)
    reader.drain()
    assert (reader.count, reader.surplus) == (3, False)


def test_reading_stops_at_the_limit_of_an_endless_file() -> None:
    taken = itertools.count()

    def endless() -> Iterator[bytes]:
        while True:
            next(taken)
            yield b"0123456789"

    reader = HashingReader(endless(), "file", 25)
    reader.drain()
    assert (reader.count, reader.surplus, next(taken)) == (25, True, 3)


def test_a_whole_file_is_read_within_the_limit() -> None:
    assert read_whole(MemorySource({"a": b"x" * 300}), "a", 300) == b"x" * 300


def test_a_whole_file_beyond_the_limit_is_refused() -> None:
    with pytest.raises(BadBundle, match="more than 299 bytes"):
        read_whole(MemorySource({"a": b"x" * 300}), "a", 299)
