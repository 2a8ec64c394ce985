"""Turns plain bytes into one independent zstd frame and back, refusing whatever is no such frame."""

import threading
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import zstandard

from libs.common.canon.decode import MAX_RECORD_BYTES
from libs.common.digests import Digest, sha256_digest

# The highest level that needs no more memory to open than `zstd -d` grants (window of 8 MiB).
HIGHEST_LEVEL = 19
# The largest segment is one record of the largest size and its newline.
MAX_FRAME_PLAIN_BYTES = MAX_RECORD_BYTES + 1
# What `zstd -d` opens without being told to take more.
MAX_WINDOW_BYTES = 1 << 27
# zstd turns 4 bytes into 128 KiB at most, so a slice of this length gives no more than 8 MiB at once.
_SLICE_BYTES = 256
# Smaller pieces would cost more in calls than in bytes.
_PIECE_BYTES = 256 * 1024

_MAGIC = b"\x28\xb5\x2f\xfd"


class BadFrame(ValueError):
    """Bytes that are not the zstd frame they should be."""


@dataclass(frozen=True, slots=True)
class Frame:
    """A frame by the digests and lengths of its plain and its stored bytes."""

    plain_digest: Digest
    plain_bytes: int
    stored_digest: Digest
    stored_bytes: int


def library_version() -> str:
    """Return the version of zstd itself, which with the level decides the stored bytes."""
    return ".".join(str(number) for number in zstandard.ZSTD_VERSION)


def make_frame(plain: bytes, level: int) -> tuple[Frame, bytes]:
    """Return the frame of `plain` and its stored bytes."""
    stored = compress(plain, level)
    return Frame(sha256_digest(plain), len(plain), sha256_digest(stored), len(stored)), stored


def compress(plain: bytes, level: int) -> bytes:
    """Return `plain` as one frame with checksum and content size, by one thread and without a dictionary."""
    if not 1 <= level <= HIGHEST_LEVEL:
        raise ValueError(f"Level {level} is not offered. Use 1 to {HIGHEST_LEVEL}.")
    return _own.compressor(level).compress(plain)


def decompress(frame: bytes, plain_bytes: int) -> bytes:
    """Return the `plain_bytes` bytes that `frame` holds; raise `BadFrame` unless it is one sound frame."""
    _check_header(frame, plain_bytes)
    try:
        if plain_bytes == 0:
            return _decompress_nothing(frame)
        return _own.decompressor.decompress(frame, allow_extra_data=False)
    except zstandard.ZstdError as error:
        raise BadFrame(f"The frame is damaged: {error}. Fetch it again.") from error


def iter_plain(chunks: Iterable[bytes], limit: int) -> Iterator[bytes]:
    """Yield the plain bytes of frames joined, whole or in any chunks; at most some MiB are held at once.

    Frames of other writers are taken too. More than `limit` plain bytes in all are refused.
    """
    given = 0
    held: list[bytes] = []
    held_bytes = 0
    for plain in _pieces(chunks):
        given += len(plain)
        if given > limit:
            raise BadFrame(
                f"The frames hold more than {limit} plain bytes. Raise the limit or split the file."
            )
        held.append(plain)
        held_bytes += len(plain)
        if held_bytes >= _PIECE_BYTES:
            yield b"".join(held)
            held.clear()
            held_bytes = 0
    if held:
        yield b"".join(held)


def _pieces(chunks: Iterable[bytes]) -> Iterator[bytes]:
    # Not that of the thread: a stream that is half read must not share its state with another.
    decompressor = zstandard.ZstdDecompressor(max_window_size=MAX_WINDOW_BYTES)
    frame = decompressor.decompressobj()
    is_open = False
    try:
        for chunk in _slices(chunks):
            rest = chunk
            while rest:
                if plain := frame.decompress(rest):
                    yield plain
                is_open = not frame.eof
                rest = frame.unused_data if frame.eof else b""
                if frame.eof:
                    frame = decompressor.decompressobj()
    except zstandard.ZstdError as error:
        raise BadFrame(f"The stream of frames is damaged: {error}. Fetch it again.") from error
    if is_open:
        raise BadFrame("The stream of frames ends in the middle of one. Fetch it again.")


def _slices(chunks: Iterable[bytes]) -> Iterator[bytes]:
    for chunk in chunks:
        for start in range(0, len(chunk), _SLICE_BYTES):
            yield chunk[start : start + _SLICE_BYTES]


def _check_header(frame: bytes, plain_bytes: int) -> None:
    if plain_bytes > MAX_FRAME_PLAIN_BYTES:
        raise BadFrame(
            f"A frame of {plain_bytes} plain bytes is stated, {MAX_FRAME_PLAIN_BYTES} are allowed."
        )
    if not frame.startswith(_MAGIC):
        raise BadFrame(
            f"The bytes begin with {frame[:4].hex() or 'nothing'}: no zstd frame. Fetch them again."
        )
    try:
        header = zstandard.get_frame_parameters(frame)
    except zstandard.ZstdError as error:
        raise BadFrame(f"The frame's header is damaged: {error}. Fetch it again.") from error
    if header.content_size != plain_bytes:
        size = (
            "no size"
            if header.content_size == zstandard.CONTENTSIZE_UNKNOWN
            else f"{header.content_size} bytes"
        )
        raise BadFrame(f"The frame states {size}, {plain_bytes} bytes are expected. Fetch it again.")
    if not header.has_checksum or header.dict_id:
        raise BadFrame(
            "The frame lacks a checksum or needs a dictionary: another program wrote it. Export it again."
        )


def _decompress_nothing(frame: bytes) -> bytes:
    # The one-shot call looks no further than the header of an empty frame.
    reader = zstandard.ZstdDecompressor().decompressobj()
    plain = reader.decompress(frame)
    if plain or not reader.eof or reader.unused_data:
        raise BadFrame("The frame states no content, but does not end there. Fetch it again.")
    return plain


class _OfThread(threading.local):
    """The contexts of one thread: costly to make, and not to be shared."""

    def __init__(self) -> None:
        self.decompressor = zstandard.ZstdDecompressor()
        self._compressors: dict[int, zstandard.ZstdCompressor] = {}

    def compressor(self, level: int) -> zstandard.ZstdCompressor:
        """Return the one for `level`."""
        if level not in self._compressors:
            self._compressors[level] = zstandard.ZstdCompressor(
                level=level, write_checksum=True, write_content_size=True, write_dict_id=False, threads=0
            )
        return self._compressors[level]


_own = _OfThread()
