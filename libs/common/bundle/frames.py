"""Reads one compressed frame of a part to its exact end: a usual one in one call, a large one as a stream."""

from __future__ import annotations

from collections.abc import Callable

import zstandard

from libs.common.bundle.faults import BadBundle
from libs.common.bundle.reading import HashingReader
from libs.common.segments.cut import HARD_CAP_BYTES
from libs.common.segments.frame import MAX_FRAME_PLAIN_BYTES

MAGIC = b"\x28\xb5\x2f\xfd"
HEADER_BYTES = 18  # the longest header of a zstd frame (RFC 8878, 3.1.1.1)
# A block of 4 bytes can stand for 128 KiB, so what a call gives out is bounded by what it takes in: 32 MiB.
SLICE_BYTES = 1024
PIECE_BYTES = 64 * 1024  # what a sink gets at once of a stream: it may split it into lines of one byte
MAX_WINDOW_BYTES = 8 * 1024 * 1024  # no level up to 19 needs more; a header could ask for gigabytes
# Every segment but that of a single larger record is so small, so it is unpacked in one call.
WHOLE_PLAIN_BYTES = HARD_CAP_BYTES
WHOLE_STORED_BYTES = HARD_CAP_BYTES + HARD_CAP_BYTES // 128  # zstd adds less to what does not compress


class BadFrame(BadBundle):
    """A frame that is not one whole, honest zstd frame."""


def read_frame(
    reader: HashingReader, stored_bytes: int, most_plain_bytes: int, sink: Callable[[bytes], None]
) -> int:
    """Give the plain bytes of a frame of `stored_bytes` to `sink` and return their number.

    Raise BadFrame where it is cut, damaged, longer or shorter than stated, or of another kind than ours.
    """
    head = _exactly(reader, min(HEADER_BYTES, stored_bytes))
    plain_bytes = _stated_plain_bytes(head, reader.path, most_plain_bytes)
    if not 0 < plain_bytes <= WHOLE_PLAIN_BYTES or stored_bytes > WHOLE_STORED_BYTES:
        return _stream(reader, head, stored_bytes, plain_bytes, sink)
    stored = head + _exactly(reader, stored_bytes - len(head))
    try:
        plain = _decompressor().decompress(stored, max_output_size=plain_bytes, allow_extra_data=False)
    except zstandard.ZstdError as error:
        # The stream tells where and why; it goes no further than the bytes at hand.
        again = HashingReader(iter([stored[len(head) :]]), reader.path, stored_bytes)
        _stream(again, head, stored_bytes, plain_bytes, lambda _: None)
        raise BadFrame(reader.path, f"a frame is damaged: {error}") from error
    sink(plain)
    return len(plain)


def _stream(
    reader: HashingReader, head: bytes, stored_bytes: int, plain_bytes: int, sink: Callable[[bytes], None]
) -> int:
    decompressor = _decompressor().decompressobj()
    remaining = stored_bytes - len(head)
    given = 0
    piece = head
    while True:
        plain = _decompress(decompressor, piece, reader.path)
        given += len(plain)
        if given > plain_bytes:
            raise BadFrame(
                reader.path, f"a frame unpacks to more than the {plain_bytes} bytes that it states"
            )
        for start in range(0, len(plain), PIECE_BYTES):
            sink(plain[start : start + PIECE_BYTES])
        if not remaining or decompressor.eof:
            break
        piece = _exactly(reader, min(SLICE_BYTES, remaining))
        remaining -= len(piece)
    if not decompressor.eof:
        raise BadFrame(reader.path, f"a frame is cut: it does not end within its {stored_bytes} bytes")
    if remaining or decompressor.unused_data:
        raise BadFrame(reader.path, f"a frame ends before its {stored_bytes} bytes do")
    return given


def _decompressor() -> zstandard.ZstdDecompressor:
    return zstandard.ZstdDecompressor(max_window_size=MAX_WINDOW_BYTES)


def _exactly(reader: HashingReader, size: int) -> bytes:
    taken = reader.read_exactly(size)
    if len(taken) < size:
        raise BadFrame(reader.path, f"the file ends within a frame, after {reader.count} bytes")
    return taken


def _stated_plain_bytes(head: bytes, path: str, most: int) -> int:
    try:
        parameters = zstandard.get_frame_parameters(head)
    except zstandard.ZstdError as error:
        raise BadFrame(path, "no zstd frame begins where the index says that one does") from error
    if not head.startswith(MAGIC):
        raise BadFrame(path, "a skippable frame stands where the index says that a frame of lines does")
    if parameters.dict_id or not parameters.has_checksum:
        raise BadFrame(path, "a frame has no checksum or needs a dictionary, which the format does not allow")
    if parameters.content_size == zstandard.CONTENTSIZE_UNKNOWN:
        raise BadFrame(path, "a frame does not state its plain length, which the format wants")
    if parameters.content_size > most:
        raise BadFrame(
            path, f"a frame states {parameters.content_size} plain bytes where at most {most} are left"
        )
    if parameters.content_size > MAX_FRAME_PLAIN_BYTES:
        raise BadFrame(
            path,
            f"a frame states {parameters.content_size} plain bytes; "
            f"a segment has at most {MAX_FRAME_PLAIN_BYTES}",
        )
    if parameters.window_size > MAX_WINDOW_BYTES:
        raise BadFrame(
            path,
            f"a frame asks for a window of {parameters.window_size} bytes; "
            f"the format allows {MAX_WINDOW_BYTES}",
        )
    return int(parameters.content_size)


def _decompress(decompressor: zstandard.ZstdDecompressionObj, piece: bytes, path: str) -> bytes:
    try:
        return decompressor.decompress(piece)
    except zstandard.ZstdError as error:
        raise BadFrame(path, f"a frame is damaged: {error}") from error
