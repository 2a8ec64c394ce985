"""Unpacks zstd and gzip streams in pieces; truncated, damaged or padded input is an error, never an end."""

from __future__ import annotations

import zlib
from collections.abc import Iterator

import zstandard

from libs.common.errors import BadArchive
from services.evidence.importing.limits import MIB

# Fed in slices, since what a call leaves is copied: in a chunk of empty frames that would be the whole chunk
# again for each few bytes of it.
ZSTD_FEED_BYTES = 1024  # at most 256 blocks of 128 KiB: no call can unpack more than 32 MiB at once
ZSTD_MAX_WINDOW_BYTES = 128 * MIB  # what `zstd -d` takes without being asked for more
GZIP_FEED_BYTES = 16 * 1024
GZIP_OUTPUT_BYTES = MIB


def unzstd(chunks: Iterator[bytes], location: str) -> Iterator[bytes]:
    """Yield the plain bytes of one zstd frame or of several in a row."""
    context = zstandard.ZstdDecompressor(max_window_size=ZSTD_MAX_WINDOW_BYTES)
    frame = None
    for chunk in chunks:
        view = memoryview(chunk)
        while view:
            frame = frame or context.decompressobj()
            fed = view[:ZSTD_FEED_BYTES]
            try:
                plain = frame.decompress(fed)
            except zstandard.ZstdError as error:
                raise BadArchive(location=location, reason=f"its zstd data is damaged ({error})") from error
            view = view[len(fed) :]
            if frame.eof:
                view = memoryview(chunk)[len(chunk) - len(view) - len(frame.unused_data) :]
                frame = None
            if plain:
                yield plain
    if frame is not None:
        raise BadArchive(location=location, reason="its zstd data ends in the middle")


def gunzip(chunks: Iterator[bytes], location: str) -> Iterator[bytes]:
    """Yield the plain bytes of one gzip member or of several in a row."""
    member = None
    for chunk in chunks:
        view = memoryview(chunk)
        while view:
            member = member or zlib.decompressobj(wbits=31)
            fed = view[:GZIP_FEED_BYTES]
            try:
                plain = member.decompress(fed, GZIP_OUTPUT_BYTES)
            except zlib.error as error:
                raise BadArchive(location=location, reason=f"its gzip data is damaged ({error})") from error
            left = member.unused_data if member.eof else member.unconsumed_tail
            view = view[len(fed) - len(left) :]
            if member.eof:
                member = None
            if plain:
                yield plain
    if member is not None:
        raise BadArchive(location=location, reason="its gzip data ends in the middle")
