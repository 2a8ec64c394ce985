"""Rules of reading one frame as a stream."""

from __future__ import annotations

import struct

import pytest
import zstandard

from libs.common.bundle import frames
from libs.common.bundle.frames import BadFrame, read_frame
from libs.common.bundle.reading import HashingReader
from libs.common.segments.frame import MAX_FRAME_PLAIN_BYTES
from tests.kit.bundles import frame

PLAIN = b"".join(b'{"id":"made-up-%d"}\n' % number for number in range(500))
FRAME = frame(PLAIN)


def read(stored: bytes, stated: int | None = None, most: int = len(PLAIN)) -> bytes:
    chunks = iter([stored[at : at + 7] for at in range(0, len(stored), 7)])
    reader = HashingReader(chunks, "part", len(stored))
    pieces: list[bytes] = []
    given = read_frame(reader, len(stored) if stated is None else stated, most, pieces.append)
    assert given == len(b"".join(pieces))
    return b"".join(pieces)


def test_the_plain_bytes_come_out() -> None:
    assert read(FRAME) == PLAIN


@pytest.mark.parametrize("level", [1, 3, 9, 19])
def test_frames_of_every_level_are_read(level: int) -> None:
    assert read(frame(PLAIN, level)) == PLAIN


@pytest.mark.parametrize("cut", [1, 4, 5, 100, len(FRAME) - 3])
def test_a_frame_that_the_index_cuts_is_refused(cut: int) -> None:
    with pytest.raises(BadFrame, match=r"cut|begins"):
        read(FRAME, stated=len(FRAME) - cut)


def test_a_file_that_ends_within_a_frame_is_refused() -> None:
    with pytest.raises(BadFrame, match="ends within a frame, after"):
        read(FRAME[:-1], stated=len(FRAME))


@pytest.mark.parametrize("surplus", [b"\0", FRAME, b"x" * 5000])
def test_bytes_after_a_frame_are_refused(surplus: bytes) -> None:
    with pytest.raises(BadFrame, match="ends before"):
        read(FRAME + surplus)


@pytest.mark.parametrize("position", range(0, len(FRAME), 3))
def test_a_flipped_bit_never_changes_what_comes_out(position: int) -> None:
    # Some bits of a frame mean nothing; they are found by the digest of the file.
    spoiled = bytearray(FRAME)
    spoiled[position] ^= 0x10
    try:
        found = read(bytes(spoiled))
    except BadFrame:
        return
    assert found == PLAIN


@pytest.mark.parametrize(
    "stored",
    [
        zstandard.ZstdCompressor(write_checksum=False).compress(PLAIN),
        zstandard.ZstdCompressor(write_checksum=True, write_content_size=False).compress(PLAIN),
        zstandard.ZstdCompressor(
            write_checksum=True, dict_data=zstandard.ZstdCompressionDict(PLAIN[:999])
        ).compress(PLAIN),
        b"\x50\x2a\x4d\x18\x04\x00\x00\x00abcd" + FRAME,
        PLAIN,
        b"",
    ],
)
def test_other_frames_than_ours_are_refused(stored: bytes) -> None:
    with pytest.raises(BadFrame):
        read(stored)


def test_a_frame_that_states_more_than_may_come_is_refused() -> None:
    with pytest.raises(BadFrame, match="at most 9 are left"):
        read(FRAME, most=9)


def test_a_bomb_gives_out_no_more_than_it_states() -> None:
    # 4,000 blocks of 4 bytes, each a run of 128 KiB zeros: 500 MiB behind a header that states 1,000 bytes.
    header = b"\x28\xb5\x2f\xfd" + bytes([0b0100_0100, 0x58]) + struct.pack("<H", 1000 - 256)
    block = struct.pack("<I", (128 * 1024 << 3) | 0b010)[:3] + b"\0"
    bomb = header + block * 4000
    sizes: list[int] = []
    reader = HashingReader(iter([bomb]), "part", len(bomb))
    with pytest.raises(BadFrame):
        read_frame(reader, len(bomb), 10**9, lambda piece: sizes.append(len(piece)))
    assert sum(sizes) <= 1000


def test_a_honest_bomb_is_refused_before_it_is_unpacked() -> None:
    stored = frame(bytes(50_000_000))
    reader = HashingReader(iter([stored]), "part", len(stored))
    with pytest.raises(BadFrame, match="states 50000000 plain bytes where at most 49999999 are left"):
        read_frame(reader, len(stored), 49_999_999, lambda _: None)
    assert reader.count == frames.HEADER_BYTES


def test_a_window_that_would_take_gigabytes_is_refused() -> None:
    huge_window = b"\x28\xb5\x2f\xfd" + bytes([0b1100_0100, 0xA8]) + struct.pack("<Q", 1000)
    with pytest.raises(BadFrame, match="asks for a window of"):
        read(huge_window + b"\x01\x00\x00" + bytes(4), most=10**9)


def test_a_frame_that_states_more_than_a_segment_may_have_is_refused() -> None:
    stored = b"\x28\xb5\x2f\xfd" + bytes([0b1100_0100, 0x58]) + struct.pack("<Q", MAX_FRAME_PLAIN_BYTES + 1)
    with pytest.raises(BadFrame, match="a segment has at most"):
        read(stored + b"\x01\x00\x00" + bytes(4), most=2**40)


def test_a_larger_frame_than_usual_comes_in_bounded_pieces() -> None:
    plain = b"x" * (frames.WHOLE_PLAIN_BYTES + 1)
    sizes: list[int] = []
    stored = frame(plain)
    reader = HashingReader(iter([stored]), "part", len(stored))
    read_frame(reader, len(stored), len(plain), lambda piece: sizes.append(len(piece)))
    assert (sum(sizes), max(sizes) <= frames.PIECE_BYTES) == (len(plain), True)
