"""Unpacks zstd and gzip streams in pieces; truncated, damaged or padded input is an error, never an end."""

from __future__ import annotations

import zlib
from collections.abc import Iterator

import zstandard

from libs.common.errors import BadArchive
from services.evidence.importing.limits import MIB

ZSTD_FEED_BYTES = 1024  # at most 256 blocks of 128 KiB: no call can unpack more than 32 MiB at once
ZSTD_MAX_WINDOW_BYTES = 128 * MIB  # what `zstd -d` takes without being asked for more
GZIP_OUTPUT_BYTES = MIB


def unzstd(chunks: Iterator[bytes], location: str) -> Iterator[bytes]:
    """Yield the plain bytes of one zstd frame or of several in a row."""
    context = zstandard.ZstdDecompressor(max_window_size=ZSTD_MAX_WINDOW_BYTES)
    frame = None
    for chunk in chunks:
        view = memoryview(chunk)
        while view:
            frame = frame or context.decompressobj()
            try:
                plain = frame.decompress(view[:ZSTD_FEED_BYTES])
            except zstandard.ZstdError as error:
                raise BadArchive(location=location, reason=f"its zstd data is damaged ({error})") from error
            view = view[ZSTD_FEED_BYTES:]
            if frame.eof:
                view = memoryview(bytes(frame.unused_data) + bytes(view))
                frame = None
            if plain:
                yield plain
    if frame is not None:
        raise BadArchive(location=location, reason="its zstd data ends in the middle")


def gunzip(chunks: Iterator[bytes], location: str) -> Iterator[bytes]:
    """Yield the plain bytes of one gzip member or of several in a row."""
    member = None
    for chunk in chunks:
        pending = chunk
        while pending:
            member = member or zlib.decompressobj(wbits=31)
            try:
                plain = member.decompress(pending, GZIP_OUTPUT_BYTES)
            except zlib.error as error:
                raise BadArchive(location=location, reason=f"its gzip data is damaged ({error})") from error
            pending = member.unconsumed_tail
            if member.eof:
                pending = member.unused_data
                member = None
            if plain:
                yield plain
    if member is not None:
        raise BadArchive(location=location, reason="its gzip data ends in the middle")
