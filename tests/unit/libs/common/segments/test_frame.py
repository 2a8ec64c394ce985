"""States what a frame is and which bytes are refused as one."""

import random
import threading

import pytest
import zstandard

from libs.common.digests import sha256_digest
from libs.common.segments.frame import (
    MAX_FRAME_PLAIN_BYTES,
    BadFrame,
    Frame,
    compress,
    decompress,
    iter_plain,
    library_version,
    make_frame,
)

PLAIN = b'{"id":"CVE-2024-0001"}\n' * 1000
STORED = compress(PLAIN, 3)
EMPTY = compress(b"", 3)
SKIPPABLE = b"\x50\x2a\x4d\x18" + (len(PLAIN)).to_bytes(4, "little") + PLAIN


def test_frame_opens_to_what_went_in() -> None:
    assert decompress(STORED, len(PLAIN)) == PLAIN


def test_empty_frame_opens_to_nothing() -> None:
    assert decompress(EMPTY, 0) == b""


def test_frame_states_size_and_checksum_and_no_dictionary() -> None:
    header = zstandard.get_frame_parameters(STORED)
    assert (header.content_size, header.has_checksum, header.dict_id) == (len(PLAIN), True, 0)


def test_same_bytes_and_level_give_the_same_frame_in_every_thread() -> None:
    made: list[bytes] = []
    threads = [threading.Thread(target=lambda: made.append(compress(PLAIN, 3))) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert made == [STORED] * 4


def test_levels_do_not_disturb_each_other() -> None:
    compress(PLAIN, 19)
    assert compress(PLAIN, 3) == STORED


@pytest.mark.parametrize("level", [0, -1, 20, 22])
def test_level_that_is_not_offered_is_refused(level: int) -> None:
    with pytest.raises(ValueError, match="Use 1 to 19"):
        compress(PLAIN, level)


def test_made_frame_names_both_forms() -> None:
    expected = Frame(sha256_digest(PLAIN), len(PLAIN), sha256_digest(STORED), len(STORED))
    assert make_frame(PLAIN, 3) == (expected, STORED)


def test_version_is_that_of_zstd_itself() -> None:
    assert library_version() == ".".join(map(str, zstandard.ZSTD_VERSION))


@pytest.mark.parametrize("length", range(len(STORED)))
def test_truncated_frame_is_refused(length: int) -> None:
    with pytest.raises(BadFrame):
        decompress(STORED[:length], len(PLAIN))


@pytest.mark.parametrize("at", range(len(STORED)))
def test_frame_with_any_bit_changed_is_refused(at: int) -> None:
    for bit in range(8):
        damaged = bytearray(STORED)
        damaged[at] ^= 1 << bit
        if zstandard_ignores(at, bit):
            continue
        with pytest.raises(BadFrame):
            decompress(bytes(damaged), len(PLAIN))


def zstandard_ignores(at: int, bit: int) -> bool:
    """Tell whether the bit is the one that RFC 8878 (section 3.1.1.1.1) leaves unused in the frame header."""
    return (at, bit) == (4, 4)


@pytest.mark.parametrize("end", [b"x", b"\x00" * 4, STORED, EMPTY, SKIPPABLE])
def test_data_after_the_frame_is_refused(end: bytes) -> None:
    with pytest.raises(BadFrame):
        decompress(STORED + end, len(PLAIN))
    with pytest.raises(BadFrame):
        decompress(EMPTY + end, 0)


@pytest.mark.parametrize("length", range(len(EMPTY)))
def test_truncated_empty_frame_is_refused(length: int) -> None:
    with pytest.raises(BadFrame):
        decompress(EMPTY[:length], 0)


@pytest.mark.parametrize("stated", [0, len(PLAIN) - 1, len(PLAIN) + 1, -1])
def test_frame_of_another_size_than_stated_is_refused(stated: int) -> None:
    with pytest.raises(BadFrame, match="are expected"):
        decompress(STORED, stated)


def test_frame_without_size_is_refused() -> None:
    stored = zstandard.ZstdCompressor(write_content_size=False, write_checksum=True).compress(PLAIN)
    with pytest.raises(BadFrame, match="no size"):
        decompress(stored, len(PLAIN))


def test_frame_without_checksum_is_refused() -> None:
    with pytest.raises(BadFrame, match="checksum"):
        decompress(zstandard.ZstdCompressor().compress(PLAIN), len(PLAIN))


def test_skippable_frame_is_refused() -> None:
    with pytest.raises(BadFrame, match="no zstd frame"):
        decompress(SKIPPABLE, len(PLAIN))


def test_size_beyond_a_segment_is_refused_before_memory_is_taken() -> None:
    with pytest.raises(BadFrame, match="are allowed"):
        decompress(STORED, MAX_FRAME_PLAIN_BYTES + 1)


def test_bomb_that_states_a_small_size_is_refused() -> None:
    bomb = bytearray(zstandard.ZstdCompressor(write_checksum=True).compress(bytes(1 << 24)))
    at = bytes(bomb).index((1 << 24).to_bytes(4, "little"))
    bomb[at : at + 4] = (1000).to_bytes(4, "little")
    with pytest.raises(BadFrame):
        decompress(bytes(bomb), 1000)


@pytest.mark.parametrize("chunk", [1, 7, 255, 256, 257, 100_000])
def test_stream_of_frames_gives_their_plain_bytes_whatever_the_chunks(chunk: int) -> None:
    stream = STORED + EMPTY + SKIPPABLE + compress(b"end", 1)
    chunks = [stream[start : start + chunk] for start in range(0, len(stream), chunk)]
    assert b"".join(iter_plain(chunks, len(PLAIN) + 3)) == PLAIN + b"end"


def test_empty_stream_gives_nothing() -> None:
    assert list(iter_plain([], 0)) == []


def test_stream_takes_frames_of_other_writers() -> None:
    stored = zstandard.ZstdCompressor(write_content_size=False, write_checksum=False).compress(PLAIN)
    assert b"".join(iter_plain([stored], len(PLAIN))) == PLAIN


def test_stream_beyond_its_limit_is_refused() -> None:
    with pytest.raises(BadFrame, match="more than 22999 plain bytes"):
        list(iter_plain([STORED], len(PLAIN) - 1))


def test_bomb_in_a_stream_comes_in_small_pieces() -> None:
    bomb = zstandard.ZstdCompressor(level=19).compress(bytes(1 << 28))
    largest = max(len(piece) for piece in iter_plain([bomb], 1 << 28))
    assert largest <= (8 << 20) + (256 << 10)


@pytest.mark.parametrize("end", [STORED[:1], STORED[:5], STORED[:-1], b"x", b"junk"])
def test_stream_that_does_not_end_with_a_frame_is_refused(end: bytes) -> None:
    with pytest.raises(BadFrame):
        list(iter_plain([STORED, end], 10 * len(PLAIN)))


def test_stream_with_a_wrong_checksum_is_refused() -> None:
    damaged = STORED[:-1] + bytes([STORED[-1] ^ 1])
    with pytest.raises(BadFrame, match="damaged"):
        list(iter_plain([damaged], len(PLAIN)))


def test_window_beyond_what_zstd_opens_by_itself_is_refused() -> None:
    parameters = zstandard.ZstdCompressionParameters(window_log=28, write_content_size=False)
    compressor = zstandard.ZstdCompressor(compression_params=parameters).compressobj()
    stored = compressor.compress(PLAIN) + compressor.flush()
    with pytest.raises(BadFrame, match="damaged"):
        list(iter_plain([stored], len(PLAIN)))


def test_streams_read_side_by_side_do_not_disturb_each_other() -> None:
    source = random.Random(1)
    longer, other = source.randbytes(1 << 20), source.randbytes(1 << 20)
    one, two = (iter_plain([compress(plain, 3)], len(plain)) for plain in (longer, other))
    pairs = list(zip(one, two, strict=True))
    assert len(pairs) > 1
    assert tuple(b"".join(pieces) for pieces in zip(*pairs, strict=True)) == (longer, other)
