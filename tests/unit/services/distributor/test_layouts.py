"""Layouts: what is taken and what is refused."""

from __future__ import annotations

from pathlib import Path

import pytest
from stellaops.export.work.v1.work_pb2 import BundleLayout

from libs.common.blobs.store import Blobs
from libs.common.errors import BlobMissing, Internal
from services.distributor.layouts import Layouts, parse_layout
from tests.kit.bundles import make_bundle
from tests.kit.stored_bundles import store_files

DIGEST = f"sha256:{'a' * 64}"


def layout_of(path: str = "a", size: int = 3, pieces: tuple[int, ...] = (1, 2)) -> BundleLayout:
    made = BundleLayout()
    file = made.files.add(path=path, digest=DIGEST, bytes=size)
    for piece in pieces:
        file.pieces.add(digest=DIGEST, bytes=piece)
    return made


@pytest.mark.parametrize(
    ("layout", "reason"),
    [
        (layout_of(size=4), "not as long as the file"),
        (layout_of(pieces=(0, 3)), "not as long as the file"),
        (layout_of(pieces=(-1, 4)), "not as long as the file"),
        (layout_of(path="../etc/passwd"), "fault at"),
        (BundleLayout(files=[*layout_of("b").files, *layout_of("a").files]), "fault at"),
        (BundleLayout(files=[*layout_of("a").files, *layout_of("a").files]), "fault at"),
    ],
)
def test_a_layout_that_no_correct_service_makes_is_refused(layout: BundleLayout, reason: str) -> None:
    with pytest.raises(Internal, match=reason):
        parse_layout(layout.SerializeToString())


def test_bytes_that_are_no_layout_are_refused() -> None:
    with pytest.raises(Internal, match="BundleLayout"):
        parse_layout(b"\xff\xff")


def test_a_digest_of_another_form_is_refused() -> None:
    layout = layout_of()
    layout.files[0].digest = "sha256:short"
    with pytest.raises(Internal, match="no digest"):
        parse_layout(layout.SerializeToString())


def test_an_empty_file_has_no_piece() -> None:
    layout = parse_layout(layout_of(size=0, pieces=()).SerializeToString())
    assert (layout.files[0].size, layout.files[0].pieces) == (0, ())


async def test_layouts_are_kept_by_tenant(tmp_path: Path) -> None:
    blobs = Blobs(f"file://{tmp_path}", "exports")
    stored = await store_files(blobs, make_bundle())
    kept = Layouts(blobs)
    first = await kept.get("acme", stored.layout.digest)
    await blobs.delete("acme", stored.layout.digest)
    assert await kept.get("acme", stored.layout.digest) is first
    with pytest.raises(BlobMissing):
        await kept.get("beta", stored.layout.digest)


async def test_only_so_many_entries_are_kept(tmp_path: Path) -> None:
    blobs = Blobs(f"file://{tmp_path}", "exports")
    kept = Layouts(blobs, most_entries=100)
    found = []
    for number in range(4):
        stored = await store_files(blobs, {"a": bytes([number]) * 600}, piece_bytes=10)
        found.append((stored.layout.digest, await kept.get("acme", stored.layout.digest)))
    assert await kept.get("acme", found[-1][0]) is found[-1][1]
    assert await kept.get("acme", found[0][0]) is not found[0][1]
