"""Assemblies over a folder of blobs: done again, after an earlier run, after blobs were lost."""

from __future__ import annotations

import os
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from stellaops.export.v1.digests_pb2 import BlobRef
from stellaops.export.work.v1.work_pb2 import AdaptSpec, BundleLayout, ManifestHeader

from libs.common.blobs.store import RENEW_AFTER, Blobs
from libs.common.errors import BlobMissing
from services.adapter_host.adapters.json_raw.adapter import ADAPTER
from services.adapter_host.assembly import Assembled, run_assembly
from services.adapter_host.host import run_shard
from tests.kit.parts import header, spec
from tests.kit.shards import open_blobs, order, whole
from tests.kit.upstream import TENANT, Upstream, in_order, made_up, served

RECORDS = in_order(made_up(f"key-{number}", {"id": f"CVE-{number}"}) for number in range(300))


@pytest.fixture
def blobs(tmp_path: Path) -> Blobs:
    return open_blobs(tmp_path / "blobs")


@pytest.fixture
async def shard(tmp_path: Path, blobs: Blobs) -> BlobRef:
    async with served(Upstream({("sbom", "one"): RECORDS}), tmp_path / "keys") as ledger:
        made = await run_shard(order(whole("sbom", "one")), ledger, blobs)
    return BlobRef(digest=made.output.digest, bytes=made.output.size)


async def assembled(
    blobs: Blobs, shard: BlobRef, asked: AdaptSpec | None = None, told: ManifestHeader | None = None
) -> Assembled:
    return await run_assembly(TENANT, ADAPTER.about, asked or spec(), told or header(), [shard], blobs)


async def pieces(blobs: Blobs, made: Assembled) -> list[str]:
    layout = BundleLayout.FromString(await blobs.get(TENANT, made.layout.digest))
    return [piece.digest for file in layout.files for piece in file.pieces]


async def test_an_equal_assembly_reads_no_shard_again(blobs: Blobs, shard: BlobRef) -> None:
    first = await assembled(blobs, shard)
    await blobs.delete(TENANT, shard.digest)
    asked = spec()
    asked.snapshot_id = "another snapshot of the same evidence"
    assert await assembled(blobs, shard, asked) == first


def _other_profile(told: ManifestHeader) -> None:
    told.profile = "other"


def _other_export(told: ManifestHeader) -> None:
    told.export_id = "f" * 40


@pytest.mark.parametrize("change", [_other_profile, _other_export])
async def test_another_header_gives_another_manifest(
    blobs: Blobs, shard: BlobRef, change: Callable[[ManifestHeader], None]
) -> None:
    told = header()
    change(told)
    assert (await assembled(blobs, shard)).manifest != (await assembled(blobs, shard, told=told)).manifest


async def test_a_frame_that_is_gone_is_told_before_anything_is_signed(blobs: Blobs, shard: BlobRef) -> None:
    made = await assembled(blobs, shard)
    layout = BundleLayout.FromString(await blobs.get(TENANT, made.layout.digest))
    frame = next(file for file in layout.files if file.path.endswith(".zst")).pieces[0].digest
    await blobs.delete(TENANT, frame)
    with pytest.raises(BlobMissing, match=frame):
        await assembled(blobs, shard)


async def test_texts_that_are_gone_are_made_again(blobs: Blobs, shard: BlobRef) -> None:
    made = await assembled(blobs, shard)
    for digest in (made.manifest.digest, made.layout.digest):
        await blobs.delete(TENANT, digest)
        assert await assembled(blobs, shard) == made
        assert await blobs.exists(TENANT, digest)


async def test_every_blob_of_an_assembly_counts_as_used(blobs: Blobs, shard: BlobRef) -> None:
    made = await assembled(blobs, shard)
    old = (datetime.now(UTC) - 2 * RENEW_AFTER).timestamp()
    paths = [blobs.local_path(TENANT, digest) for digest in await pieces(blobs, made)]
    for path in paths:
        assert path is not None
        os.utime(path, (old, old))
    await assembled(blobs, shard)
    young = (datetime.now(UTC) - timedelta(minutes=5)).timestamp()
    assert all(path is not None and path.stat().st_mtime > young for path in paths)
