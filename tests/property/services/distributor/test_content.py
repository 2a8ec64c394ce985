"""Any range of what is computed equals the same range of what it stands for."""

from __future__ import annotations

import asyncio

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from libs.common.blobs.store import Blobs
from services.distributor.content import (
    Content,
    FileContent,
    JoinedContent,
    LiteralContent,
    SliceContent,
    TarContent,
    read,
)
from services.distributor.layouts import Layout, parse_layout
from tests.kit.bundles import make_bundle, tar_of
from tests.kit.stored_bundles import store_files

FILES = {
    **make_bundle(),
    "data/empty": b"",
    "data/block": bytes(range(256)) * 2,
    "data/large": b"0123456789abcdef" * 70_000,
}
TAR = tar_of(FILES)
RANGES = st.tuples(st.integers(0, len(TAR)), st.integers(0, len(TAR))).map(sorted)


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> tuple[Blobs, Layout]:
    blobs = Blobs(f"file://{tmp_path_factory.mktemp('blobs')}", "exports")
    stored = asyncio.run(store_files(blobs, FILES, piece_bytes=50_001))
    return blobs, parse_layout(stored.message.SerializeToString())


def chunks_of(blobs: Blobs, content: Content, start: int, end: int) -> list[bytes]:
    async def gather() -> list[bytes]:
        return [chunk async for chunk in read(blobs, "acme", content, start, end - start)]

    return asyncio.run(gather())


@settings(max_examples=60, deadline=None)
@given(bounds=RANGES)
def test_any_range_of_the_tar_is_the_slice_of_the_whole(
    store: tuple[Blobs, Layout], bounds: list[int]
) -> None:
    blobs, layout = store
    start, end = bounds
    chunks = chunks_of(blobs, TarContent(layout), start, end)
    assert b"".join(chunks) == TAR[start:end]
    assert max(map(len, chunks), default=0) <= 1 << 20


@settings(max_examples=60, deadline=None)
@given(path=st.sampled_from(sorted(FILES)), bounds=st.tuples(st.floats(0, 1), st.floats(0, 1)).map(sorted))
def test_any_range_of_a_file_is_the_slice_of_the_file(
    store: tuple[Blobs, Layout], path: str, bounds: list[float]
) -> None:
    blobs, layout = store
    data = FILES[path]
    start, end = (int(bound * len(data)) for bound in bounds)
    assert b"".join(chunks_of(blobs, FileContent(layout.by_path[path]), start, end)) == data[start:end]


@settings(max_examples=60, deadline=None)
@given(parts=st.lists(st.binary(max_size=20), max_size=6), cut=st.tuples(st.integers(0), st.integers(0)))
def test_contents_can_be_joined_and_cut(
    store: tuple[Blobs, Layout], parts: list[bytes], cut: tuple[int, int]
) -> None:
    blobs, _ = store
    whole = b"".join(parts)
    joined = JoinedContent([LiteralContent(part) for part in parts])
    assert joined.size == len(whole)
    start, end = sorted(bound % (len(whole) + 1) for bound in cut)
    sliced = SliceContent(joined, start, end - start)
    assert b"".join(chunks_of(blobs, sliced, 0, sliced.size)) == whole[start:end]
