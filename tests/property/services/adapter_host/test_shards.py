"""However evidence is split into shards and read, the same bundle comes out, and it verifies."""

from __future__ import annotations

import itertools
import random
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from stellaops.export.v1.digests_pb2 import BlobRef
from stellaops.export.work.v1.work_pb2 import AdaptSpec, BundleLayout

from libs.common.blobs.store import Blobs
from libs.common.bundle.checks import Outcome, verdict
from libs.common.bundle.verify import verify
from libs.common.segments.cut import is_part_start
from services.adapter_host.adapters.json_raw.adapter import ADAPTER
from services.adapter_host.assembly import Assembled, run_assembly
from services.adapter_host.evidence import KeyRange
from services.adapter_host.host import run_shard
from services.adapter_host.messages import selection_of
from services.adapter_host.sources.ledger import Ledger
from tests.kit import bundles
from tests.kit.parts import header, spec
from tests.kit.shards import files, open_blobs, order, part_starts, split
from tests.kit.upstream import TENANT, Upstream, in_order, made_up, served

# Some documents are larger than a chunk, all are few enough for a test: SBOMs have the smallest segments.
RECORDS = {
    ("sbom", "one"): in_order(
        made_up(f"key-{number}", {"id": f"CVE-{number % 5}", "pad": "é" * (number % 90)})
        for number in range(900)
    ),
    ("sbom", "two"): in_order(made_up(f"größe/{number}", {"id": "CVE-1"}) for number in range(5)),
    ("vex", "hub"): in_order(made_up(f"vex-{number}") for number in range(60)),
}
STARTS = {name: part_starts(name[0], records) for name, records in RECORDS.items()}
SELECTED = spec(include=("sbom",))
SELECTED.selector.ids.extend(["CVE-1", "CVE-3"])


@dataclass(frozen=True)
class Stand:
    """Two upstreams of the same records, one with segments and one without."""

    listed: Ledger
    streamed: Ledger
    folder: Path


@pytest.fixture(scope="module")
async def stand(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Stand]:
    folder = tmp_path_factory.mktemp("stand")
    async with (
        served(Upstream(RECORDS), folder / "one") as listed,
        served(Upstream(RECORDS, lists_segments=False), folder / "two") as streamed,
    ):
        yield Stand(listed, streamed, folder)


async def bundle(
    asked: AdaptSpec, shards: Sequence[Sequence[KeyRange]], ledger: Ledger, blobs: Blobs
) -> Assembled:
    transform = ADAPTER.transform(selection_of(asked.selector))
    made = [await run_shard(order(*ranges, transform=transform), ledger, blobs) for ranges in shards]
    references = [BlobRef(digest=one.output.digest, bytes=one.output.size) for one in made]
    return await run_assembly(TENANT, ADAPTER.about, asked, header(), references, blobs)


def one_shard() -> list[list[KeyRange]]:
    return [[KeyRange(kind, source, b"", b"") for kind, source in RECORDS]]


@given(st.data())
@settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@pytest.mark.parametrize("asked", [spec(), SELECTED], ids=["all", "selected"])
async def test_any_split_into_shards_gives_the_same_bundle(
    stand: Stand, asked: AdaptSpec, data: st.DataObject
) -> None:
    ranges: list[KeyRange] = []
    for (kind, source), starts in STARTS.items():
        chosen = data.draw(st.sets(st.sampled_from(starts))) if starts else set()
        ranges += split(kind, source, sorted(chosen))
    bounds = sorted(data.draw(st.sets(st.integers(1, len(ranges)), max_size=4)) | {0, len(ranges)})
    shards = [ranges[begin:end] for begin, end in itertools.pairwise(bounds)]
    random.Random(data.draw(st.integers(0, 9))).shuffle(shards)
    blobs = open_blobs(stand.folder / "shared")
    assert await bundle(asked, shards, stand.listed, blobs) == await bundle(
        asked, one_shard(), stand.listed, blobs
    )


@pytest.mark.parametrize("asked", [spec(), SELECTED], ids=["all", "selected"])
async def test_a_stream_of_records_gives_the_same_bundle_as_segments(
    stand: Stand, asked: AdaptSpec, tmp_path: Path
) -> None:
    assert any(is_part_start("sbom", record.key) for record in RECORDS["sbom", "one"][1:])
    listed = await bundle(asked, one_shard(), stand.listed, open_blobs(tmp_path / "listed"))
    streamed = await bundle(asked, one_shard(), stand.streamed, open_blobs(tmp_path / "streamed"))
    assert streamed == listed


@pytest.mark.parametrize("asked", [spec(), SELECTED], ids=["all", "selected"])
async def test_the_bundle_verifies_once_it_is_signed(stand: Stand, asked: AdaptSpec, tmp_path: Path) -> None:
    blobs = open_blobs(tmp_path)
    made = await bundle(asked, one_shard(), stand.listed, blobs)
    layout = BundleLayout.FromString(await blobs.get(TENANT, made.layout.digest))
    signed = bundles.sign(await files(blobs, layout))
    checks = verify(bundles.MemorySource(signed), [bundles.KEY.public])
    assert verdict(checks) is Outcome.PASSED, [check.detail for check in checks if check.detail]
