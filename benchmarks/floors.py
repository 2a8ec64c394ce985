"""The bare loops that figures stand beside: what any program must do at the least, nothing checked."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable

import msgspec
import zstandard

BLOCK_BYTES = 1 << 20


def bare_loop(documents: Iterable[bytes], level: int) -> int:
    """Decode, encode sorted, hash and compress a mebibyte at a time; return the bytes that came out."""
    decode = msgspec.json.Decoder().decode
    encode = msgspec.json.Encoder(order="sorted").encode
    compress = zstandard.ZstdCompressor(level=level).compress
    written = 0
    pending = bytearray()
    for document in documents:
        pending += encode(decode(document))
        pending += b"\n"
        if len(pending) >= BLOCK_BYTES:
            written += _block(bytes(pending), compress)
            pending.clear()
    return written + (_block(bytes(pending), compress) if pending else 0)


def _block(plain: bytes, compress: Callable[[bytes], bytes]) -> int:
    hashlib.sha256(plain).digest()
    return len(compress(plain))


def bare_read_back(frames: Iterable[bytes]) -> int:
    """Hash and decompress stored frames, and hash what they hold; return the plain bytes."""
    decompress = zstandard.ZstdDecompressor().decompress
    plain_bytes = 0
    for stored in frames:
        hashlib.sha256(stored).digest()
        plain = decompress(stored)
        hashlib.sha256(plain).digest()
        plain_bytes += len(plain)
    return plain_bytes
