"""Compressed streams: many small frames in one chunk cost no more than their bytes."""

from __future__ import annotations

import gzip
import io
import time
from collections.abc import Callable, Iterator

import pytest
import zstandard

from services.evidence.importing.decompress import gunzip, unzstd

Unpack = Callable[[Iterator[bytes], str], Iterator[bytes]]
EMPTY = [(gunzip, gzip.compress(b"")), (unzstd, zstandard.ZstdCompressor().compress(b""))]


@pytest.mark.parametrize(("unpack", "frame"), EMPTY, ids=["gzip", "zstd"])
def test_empty_frames_are_passed_over_in_time_linear_in_their_number(unpack: Unpack, frame: bytes) -> None:
    def seconds(size: int) -> float:
        chunk = frame * (size // len(frame))
        start = time.process_time()
        assert b"".join(unpack(iter([chunk]), "feed")) == b""
        return time.process_time() - start

    # Eight times the bytes took sixty times as long when each frame copied the rest of the chunk.
    assert seconds(2 << 20) < 24 * seconds(1 << 18)


@pytest.mark.parametrize("chunk_bytes", [1, 7, 1000, 16 * 1024, 1 << 20])
@pytest.mark.parametrize("unpack", [gunzip, unzstd])
def test_frames_in_a_row_are_joined_however_they_are_cut(unpack: Unpack, chunk_bytes: int) -> None:
    pieces = [b"", b"a" * 40_000, bytes(range(256)) * 300, b"", b"z"]
    compress = gzip.compress if unpack is gunzip else zstandard.ZstdCompressor().compress
    reader = io.BytesIO(b"".join(compress(piece) for piece in pieces))
    chunks = iter(lambda: reader.read(chunk_bytes), b"")
    assert b"".join(unpack(chunks, "feed")) == b"".join(pieces)
