"""Spells the published sequence of doubles; the SHA-256 of the text must be the published one."""

import hashlib
import os
import struct
from collections.abc import Iterator
from itertools import islice
from pathlib import Path

import pytest

from libs.common.canon.canonical import canonical
from libs.common.canon.encode import encode

EDGES = Path(__file__).parents[4] / "golden" / "jcs" / "number-edges.txt"
NUMBERS = int(os.environ.get("STELLA_CANON_NUMBERS", "10000"))
SMALLEST_NORMAL = 0x0010000000000000
SERIAL_NUMBERS = 2000
NOT_FINITE = 0x7FF
# From the README of the reference implementation's test data: of so many lines, this is the digest.
PUBLISHED = {
    1_000: "be18b62b6f69cdab33a7e0dae0d9cfa869fda80ddc712221570f9f40a5878687",
    10_000: "b9f7a8e75ef22a835685a52ccba7f7d6bdc99e34b010992cbc5864cd12be6892",
    100_000: "22776e6d4b49fa294a0d0f349268e5c28808fe7e0cb2bcbe28f63894e494d4c7",
    1_000_000: "49415fee2c56c77864931bd3624faad425c3c577d6d74e89a83bc725506dad16",
    10_000_000: "b9f8a44a91d46813b21b9602e72f112613c91408db0b8341fb94603d9db135e0",
}


def published_bits() -> Iterator[int]:
    """Yield the bits of the doubles: chosen ones, a series, then those in a chain of SHA-256."""
    yield from (int(line, 16) for line in EDGES.read_text("ascii").split())
    yield from range(SMALLEST_NORMAL, SMALLEST_NORMAL + SERIAL_NUMBERS)
    block = bytes(32)
    while True:
        block = hashlib.sha256(block).digest()
        yield from (bits for bits in struct.unpack("<4Q", block) if is_finite_and_not_zero(bits))


def is_finite_and_not_zero(bits: int) -> bool:
    return bool(bits << 1 & (1 << 64) - 1) and bits >> 52 & NOT_FINITE != NOT_FINITE


@pytest.mark.timeout(0)  # millions of numbers are a matter of choice
def test_the_published_numbers_are_spelt_as_published() -> None:
    text, written = hashlib.sha256(), 0
    for bits in islice(published_bits(), NUMBERS):
        (double,) = struct.unpack(">d", struct.pack(">Q", bits))
        spelt = encode(double)
        assert canonical(spelt)[0] == spelt
        text.update(b"%x,%b\n" % (bits, spelt))
        written += 1
        if written in PUBLISHED:
            assert text.hexdigest() == PUBLISHED[written], written
    assert written == NUMBERS >= min(PUBLISHED)
