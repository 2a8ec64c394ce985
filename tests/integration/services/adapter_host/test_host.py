"""Shards over a real gRPC upstream and a folder of blobs: taken over, derived, streamed, refused."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest
from stellaops.export.work.v1.work_pb2 import Part

from libs.common.blobs.store import Blobs
from libs.common.bundle import layout
from libs.common.digests import sha256_digest
from libs.common.errors import CodecUnavailable, EvidenceCorrupt, InvalidField, SnapshotGone, Unavailable
from libs.common.segments.cut import part_name
from libs.common.segments.frame import decompress
from services.adapter_host.adapters.base import Batch
from services.adapter_host.adapters.json_raw.select import Select
from services.adapter_host.evidence import KeyRange
from services.adapter_host.host import ShardMade, run_shard
from services.adapter_host.selection import Selection
from tests.kit.shards import CODEC, open_blobs, order, output, part_bytes, part_starts, whole
from tests.kit.upstream import TENANT, Upstream, in_order, made_up, served

RECORDS = in_order(
    made_up(f"key-{number}", {"id": f"key-{number % 7}", "n": "x" * number}) for number in range(400)
)
DATASETS = {("sbom", "one"): RECORDS}
ALL = whole("sbom", "one")
SOME = Select(Selection(ids=("key-3",)))


@pytest.fixture
def blobs(tmp_path: Path) -> Blobs:
    return open_blobs(tmp_path / "blobs")


async def parts(blobs: Blobs, made: ShardMade) -> list[Part]:
    return list((await output(blobs, made.output)).parts)


def frames(upstream: Upstream) -> list[str]:
    return [asked for asked in upstream.asked if asked.startswith("sha256:")]


async def lines(blobs: Blobs, found: Sequence[Part], role: str) -> list[bytes]:
    plain: list[bytes] = []
    for part in found:
        if part.role == role:
            for segment in part.segments:
                frame = await blobs.get(TENANT, segment.stored_digest)
                plain += decompress(frame, segment.plain_bytes).splitlines()
    return plain


def plain_digests(found: Sequence[Part]) -> list[str]:
    return [segment.plain_digest for part in found for segment in part.segments]


async def test_the_upstreams_frames_are_taken_over_as_they_are(tmp_path: Path, blobs: Blobs) -> None:
    upstream = Upstream(DATASETS)
    async with served(upstream, tmp_path / "keys") as ledger:
        made = await run_shard(order(ALL), ledger, blobs)
    found = await parts(blobs, made)
    stored = [segment.stored_digest for part in found for segment in part.segments]
    assert sorted(stored) == sorted(upstream.frames)
    assert (made.records, made.segments, made.segments_reused) == (400, len(upstream.frames) // 2, 0)


async def test_a_part_is_what_its_digests_and_counts_say(tmp_path: Path, blobs: Blobs) -> None:
    async with served(Upstream(DATASETS), tmp_path / "keys") as ledger:
        found = await parts(blobs, await run_shard(order(ALL), ledger, blobs))
    assert len(found) == 2 * (len(part_starts("sbom", RECORDS)) + 1) > 2
    for part in found:
        data = await part_bytes(blobs, part)
        plain = b"".join([line + b"\n" for line in await lines(blobs, [part], part.role)])
        assert (part.digest, part.bytes) == (sha256_digest(data), len(data))
        assert (part.plain_bytes, part.records) == (len(plain), plain.count(b"\n"))


async def test_documents_and_sources_leave_in_the_same_order(tmp_path: Path, blobs: Blobs) -> None:
    async with served(Upstream(DATASETS), tmp_path / "keys") as ledger:
        found = await parts(blobs, await run_shard(order(ALL, transform=SOME), ledger, blobs))
    expected = [record for record in RECORDS if b'"id":"key-3"' in record.document]
    assert await lines(blobs, found, layout.DOCUMENTS) == [record.document for record in expected]
    assert await lines(blobs, found, layout.SOURCES) == [record.source for record in expected]


async def test_a_second_time_nothing_is_fetched_and_the_same_comes_out(tmp_path: Path, blobs: Blobs) -> None:
    upstream = Upstream(DATASETS)
    async with served(upstream, tmp_path / "keys") as ledger:
        first = await run_shard(order(ALL), ledger, blobs)
        fetched = len(frames(upstream))
        second = await run_shard(order(ALL), ledger, blobs)
    assert second == replace(first, segments_reused=first.segments)
    assert len(frames(upstream)) == fetched


async def test_a_second_selection_fetches_nothing_that_the_first_left(tmp_path: Path, blobs: Blobs) -> None:
    upstream = Upstream(DATASETS)
    async with served(upstream, tmp_path / "keys") as ledger:
        first = await run_shard(order(ALL, transform=SOME), ledger, blobs)
        fetched = len(frames(upstream))
        second = await run_shard(order(ALL, transform=SOME), ledger, blobs)
    assert second == replace(first, segments_reused=first.segments)
    assert len(frames(upstream)) == fetched


async def test_only_frames_that_are_missing_are_fetched_again(tmp_path: Path, blobs: Blobs) -> None:
    upstream = Upstream(DATASETS)
    async with served(upstream, tmp_path / "keys") as ledger:
        first = await run_shard(order(ALL), ledger, blobs)
        lost = (await parts(blobs, first))[0].segments[1].stored_digest
        await blobs.delete(TENANT, lost)
        upstream.asked.clear()
        second = await run_shard(order(ALL), ledger, blobs)
    assert frames(upstream) == [lost]
    assert second == replace(first, segments_reused=first.segments - 1)


async def test_a_derived_frame_that_is_missing_is_made_again(tmp_path: Path, blobs: Blobs) -> None:
    async with served(Upstream(DATASETS), tmp_path / "keys") as ledger:
        first = await run_shard(order(ALL, transform=SOME), ledger, blobs)
        lost = (await parts(blobs, first))[0].segments[0].stored_digest
        await blobs.delete(TENANT, lost)
        second = await run_shard(order(ALL, transform=SOME), ledger, blobs)
    assert await blobs.exists(TENANT, lost)
    assert second.output == first.output


@pytest.mark.parametrize("transform", [None, SOME])
async def test_a_changed_record_costs_its_segment_alone(
    tmp_path: Path, blobs: Blobs, transform: Select | None
) -> None:
    wanted = order(ALL, transform=transform)
    async with served(Upstream(DATASETS), tmp_path / "keys") as ledger:
        first = await run_shard(wanted, ledger, blobs)
    key = b"key-3"  # which the selection has too
    changed = made_up("key-3", {"id": "key-3", "n": "changed"})
    upstream = Upstream({("sbom", "one"): [changed if it.key == key else it for it in RECORDS]})
    async with served(upstream, tmp_path / "keys") as ledger:
        second = await run_shard(wanted, ledger, blobs)
        anew = await run_shard(wanted, ledger, open_blobs(tmp_path / "other"))
    assert second.segments_reused == first.segments - 1
    assert second.output == anew.output != first.output


async def test_another_statement_of_known_frames_is_not_believed(tmp_path: Path, blobs: Blobs) -> None:
    upstream = Upstream(DATASETS)
    async with served(upstream, tmp_path / "keys") as ledger:
        await run_shard(order(ALL), ledger, blobs)
        upstream.segments["sbom", "one"][0].documents.plain_digest = sha256_digest(b"something else")
        with pytest.raises(EvidenceCorrupt, match="does not hold"):
            await run_shard(order(ALL), ledger, blobs)


async def test_another_codec_is_applied_to_the_same_plain_bytes(tmp_path: Path, blobs: Blobs) -> None:
    async with served(Upstream(DATASETS), tmp_path / "keys") as ledger:
        as_it_is = await parts(blobs, await run_shard(order(ALL), ledger, blobs))
        anew = await parts(blobs, await run_shard(order(ALL, codec=replace(CODEC, level=9)), ledger, blobs))
    assert plain_digests(anew) == plain_digests(as_it_is)
    assert [part.path for part in anew] == [part.path for part in as_it_is]
    assert [part.digest for part in anew] != [part.digest for part in as_it_is]


async def test_a_codec_of_another_library_is_refused_where_it_is_needed(tmp_path: Path, blobs: Blobs) -> None:
    codec = replace(CODEC, library="0.0.1")
    async with served(Upstream(DATASETS), tmp_path / "keys") as ledger:
        with pytest.raises(CodecUnavailable, match=r"0\.0\.1"):
            await run_shard(order(ALL, codec=codec), ledger, blobs)


async def test_a_selection_keeps_the_cut_and_names_what_is_left(tmp_path: Path, blobs: Blobs) -> None:
    upstream = Upstream(DATASETS)
    async with served(upstream, tmp_path / "keys") as ledger:
        found = await parts(blobs, await run_shard(order(ALL, transform=SOME), ledger, blobs))
    kept = {record.key for record in RECORDS if b'"id":"key-3"' in record.document}
    expected = [
        left[0]
        for segment in upstream.segments["sbom", "one"]
        if (left := sorted(key for key in kept if segment.first_key <= key <= segment.last_key))
    ]
    documents = [part for part in found if part.role == layout.DOCUMENTS]
    assert [segment.first_key for part in documents for segment in part.segments] == expected
    for part in documents:
        assert layout.part_name_of(part.path) == part_name(part.segments[0].first_key)


async def test_what_loses_all_its_records_does_not_leave(tmp_path: Path, blobs: Blobs) -> None:
    nothing = Select(Selection(ids=("no such id",)))
    async with served(Upstream(DATASETS), tmp_path / "keys") as ledger:
        made = await run_shard(order(ALL, transform=nothing), ledger, blobs)
    assert (await parts(blobs, made), made.records, made.segments) == ([], 0, 0)


@pytest.mark.parametrize("transform", [None, SOME])
@pytest.mark.parametrize("which", ["documents", "sources"])
async def test_a_frame_that_comes_with_other_bytes_is_refused_and_not_kept(
    tmp_path: Path, blobs: Blobs, which: str, transform: Select | None
) -> None:
    upstream = Upstream(DATASETS)
    digest = getattr(upstream.segments["sbom", "one"][2], which).stored_digest
    good = upstream.frames[digest]
    upstream.spoiled[digest] = good[:-1] + bytes([good[-1] ^ 1])
    async with served(upstream, tmp_path / "keys") as ledger:
        with pytest.raises(EvidenceCorrupt, match=digest):
            await run_shard(order(ALL, transform=transform), ledger, blobs)
    assert not await blobs.exists(TENANT, digest)


@pytest.mark.parametrize("spoiled", [b"short", b"x" * 100_000])
async def test_a_frame_of_another_length_is_refused(tmp_path: Path, blobs: Blobs, spoiled: bytes) -> None:
    upstream = Upstream(DATASETS)
    digest = upstream.segments["sbom", "one"][0].documents.stored_digest
    upstream.spoiled[digest] = spoiled
    async with served(upstream, tmp_path / "keys") as ledger:
        with pytest.raises(EvidenceCorrupt, match=digest):
            await run_shard(order(ALL), ledger, blobs)


async def test_a_plain_digest_that_does_not_hold_is_refused(tmp_path: Path, blobs: Blobs) -> None:
    upstream = Upstream(DATASETS)
    upstream.segments["sbom", "one"][0].documents.plain_digest = sha256_digest(b"something else")
    async with served(upstream, tmp_path / "keys") as ledger:
        with pytest.raises(EvidenceCorrupt, match="does not hold"):
            await run_shard(order(ALL), ledger, blobs)


async def test_a_range_that_begins_within_a_part_is_refused(tmp_path: Path, blobs: Blobs) -> None:
    middle = Upstream(DATASETS).segments["sbom", "one"][1].first_key
    async with served(Upstream(DATASETS), tmp_path / "keys") as ledger:
        with pytest.raises(InvalidField, match="no part of sbom/one begins"):
            await run_shard(order(KeyRange("sbom", "one", middle, b"")), ledger, blobs)


@pytest.mark.parametrize("lists_segments", [True, False])
async def test_a_released_snapshot_is_named(tmp_path: Path, blobs: Blobs, lists_segments: bool) -> None:
    upstream = Upstream(DATASETS, lists_segments=lists_segments)
    async with served(upstream, tmp_path / "keys") as ledger:
        with pytest.raises(SnapshotGone, match="released"):
            await run_shard(order(ALL, snapshot="released"), ledger, blobs)


@pytest.mark.parametrize("transform", [None, SOME])
async def test_an_upstream_of_records_alone_gives_the_same(
    tmp_path: Path, blobs: Blobs, transform: Select | None
) -> None:
    wanted = order(ALL, transform=transform)
    async with served(Upstream(DATASETS), tmp_path / "keys") as ledger:
        listed = await run_shard(wanted, ledger, blobs)
    async with served(Upstream(DATASETS, lists_segments=False), tmp_path / "keys") as ledger:
        streamed = await run_shard(wanted, ledger, open_blobs(tmp_path / "other"))
    assert streamed == listed


async def test_a_stream_of_records_that_breaks_off_goes_on_where_it_was(tmp_path: Path, blobs: Blobs) -> None:
    datasets = {("sbom", "one"): RECORDS[:40]}
    async with served(Upstream(datasets), tmp_path / "keys") as ledger:
        listed = await run_shard(order(ALL), ledger, blobs)
    upstream = Upstream(datasets, lists_segments=False, interrupt_after=20)
    async with served(upstream, tmp_path / "keys") as ledger:
        streamed = await run_shard(order(ALL), ledger, open_blobs(tmp_path / "other"))
    assert streamed.output == listed.output
    assert upstream.asked.count("StreamRecords") > 1


async def test_a_stream_that_always_breaks_off_ends_in_an_error_that_may_be_tried_again(
    tmp_path: Path, blobs: Blobs
) -> None:
    upstream = Upstream(DATASETS, lists_segments=False, interrupt_after=1)
    async with served(upstream, tmp_path / "keys") as ledger:
        with pytest.raises(Unavailable):
            await run_shard(order(ALL), ledger, blobs)


async def test_a_transform_that_tears_documents_from_their_sources_is_caught(
    tmp_path: Path, blobs: Blobs
) -> None:
    class Torn:
        digest = sha256_digest(b"torn")

        def apply(self, batch: Batch) -> Batch:
            return Batch(batch.documents, b"")

    async with served(Upstream(DATASETS), tmp_path / "keys") as ledger:
        with pytest.raises(Exception, match="without their sources"):
            await run_shard(order(ALL, transform=Torn()), ledger, blobs)
