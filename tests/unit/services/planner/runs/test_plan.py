"""Identity of exports and the cut into shards."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from itertools import count

import pytest

from libs.common.segments.cut import is_part_start
from services.planner.profiles.spec import ProfileSpec, Selector, SpecTarget
from services.planner.runs import plan
from services.planner.runs.evidence import Dataset, Segment
from services.planner.runs.plan import AdapterVersion, Codec, Identity, KeyRange, Part

DIGEST = "sha256:" + "a" * 64
IDENTITY = Identity(
    tenant="acme",
    profile="nightly",
    revision=3,
    spec=ProfileSpec("json", "raw"),
    snapshot_digest=DIGEST,
    adapter=AdapterVersion("1.0.0", "https://example.org/v1"),
    codec=Codec(3, "1.5.7"),
)


def dataset(source: str, plain_bytes: int, kind: str = "advisory") -> Dataset:
    return Dataset(kind, source, 1, 0, plain_bytes, DIGEST, "")


def segment(key: bytes, plain_bytes: int = 10, content: str = "a") -> Segment:
    return Segment(key, plain_bytes, "sha256:" + content * 64, DIGEST)


def part_starts(kind: str) -> list[bytes]:
    """Return the first keys of some parts, in order."""
    found = (b"%07d" % number for number in count() if is_part_start(kind, b"%07d" % number))
    return [next(found) for _ in range(3)]


def test_equal_inputs_give_an_equal_plan() -> None:
    assert plan.plan_digest(IDENTITY) == plan.plan_digest(replace(IDENTITY))


@pytest.mark.parametrize(
    "change",
    [
        {"tenant": "beta"},
        {"profile": "weekly"},
        {"revision": 4},
        {"spec": ProfileSpec("json", "raw", include=("vex",))},
        {"spec": ProfileSpec("json", "raw", selector=Selector(ids=("CVE-1",)))},
        {"spec": ProfileSpec("json", "raw", targets=(SpecTarget("a", "http"),))},
        {"snapshot_digest": "sha256:" + "b" * 64},
        {"adapter": AdapterVersion("1.0.1", "https://example.org/v1")},
        {"adapter": AdapterVersion("1.0.0", "https://example.org/v2")},
        {"codec": Codec(4, "1.5.7")},
        {"codec": Codec(3, "1.5.8")},
    ],
)
def test_any_other_input_gives_another_plan(change: dict[str, object]) -> None:
    other = replace(IDENTITY, **change)  # type: ignore[arg-type] # fields of the identity
    assert plan.plan_digest(other) != plan.plan_digest(IDENTITY)


def test_the_plan_digest_is_over_this_very_text() -> None:
    spec = hashlib.sha256(b'{"kind":"json","variant":"raw"}').hexdigest()
    text = (
        '{"adapter":{"name":"json:raw","schema":"https://example.org/v1","version":"1.0.0"},'
        '"codec":{"level":3,"library":"1.5.7","name":"zstd"},'
        '"profile":{"kind":"json","name":"nightly","revision":"r3","variant":"raw"},'
        f'"selector":{{}},"snapshot":"{DIGEST}","spec":"sha256:{spec}","tenant":"acme"}}'
    )
    assert plan.plan_digest(IDENTITY) == "sha256:" + hashlib.sha256(text.encode()).hexdigest()


def test_an_export_id_is_the_beginning_of_its_plan_digest() -> None:
    digest = plan.plan_digest(IDENTITY)
    assert plan.export_id(digest) == digest.removeprefix("sha256:")[:40]


def test_a_run_s_own_lists_replace_the_profile_s() -> None:
    spec = ProfileSpec("json", "raw", selector=Selector(sources=("a",), ids=("CVE-1",)))
    effective = plan.effective_spec(spec, Selector(sources=("b",), modified_since="2026-01-01T00:00:00Z"))
    assert effective.selector == Selector(
        sources=("b",), ids=("CVE-1",), modified_since="2026-01-01T00:00:00Z"
    )


def test_parts_begin_where_keys_say() -> None:
    starts = part_starts("sbom")
    keys = sorted({*starts, b"0000000", starts[1] + b"-x"})
    parts = plan.parts_of("sbom", [segment(key) for key in keys])
    assert [part.first_key for part in parts] == sorted({b"0000000", *starts})


def test_a_part_adds_its_segments_up() -> None:
    (part,) = plan.parts_of("vex", [segment(b"1", 10), segment(b"1x", 32)])
    assert part.plain_bytes == 42
    assert len(part.fingerprints) == 2 * plan.FINGERPRINT_BYTES


def test_small_datasets_share_a_shard() -> None:
    datasets = [(dataset(name, 5), [Part(b"k", 5)]) for name in ("a", "b", "c")]
    (shard,) = plan.cut(datasets, 100)
    assert shard.ranges == tuple(KeyRange("advisory", name) for name in ("a", "b", "c"))


def test_a_large_dataset_is_cut_between_parts() -> None:
    parts = [Part(b"a", 60), Part(b"g", 60), Part(b"m", 30), Part(b"s", 10)]
    shards = plan.cut([(dataset("big", 160), parts)], 100)
    assert [shard.ranges for shard in shards] == [
        (KeyRange("advisory", "big", b"", b"g"),),
        (KeyRange("advisory", "big", b"g", b""),),
    ]


def test_a_part_over_the_limit_is_a_shard_of_its_own() -> None:
    shards = plan.cut([(dataset("big", 510), [Part(b"a", 500), Part(b"g", 10)])], 100)
    assert [len(shard.ranges) for shard in shards] == [1, 1]


def test_a_shard_holds_only_so_many_ranges() -> None:
    datasets = [(dataset(f"s{number}", 1), [Part(b"k", 1)]) for number in range(plan.MAX_RANGES + 1)]
    assert [len(shard.ranges) for shard in plan.cut(datasets, 1000)] == [plan.MAX_RANGES, 1]


def test_larger_evidence_has_larger_shards_and_not_many_more() -> None:
    parts = [Part(b"%06d" % number, 10) for number in range(100 * plan.ENOUGH_SHARDS)]
    assert len(plan.cut([(dataset("huge", 0), parts)], 1)) <= 2 * plan.ENOUGH_SHARDS


def test_a_dataset_that_cannot_be_listed_is_one_range() -> None:
    found = dataset("plain", 10**9)
    (shard,) = plan.cut([(found, plan.unlisted(found))], 100)
    assert shard.ranges == (KeyRange("advisory", "plain"),)


def test_a_segment_is_new_when_its_content_is() -> None:
    known = frozenset([plan.fingerprint(segment(b"1")), plan.fingerprint(segment(b"2"))])
    parts = plan.parts_of("advisory", [segment(b"1"), segment(b"2", content="b"), segment(b"3", content="c")])
    assert plan.count_new(parts, known) == 2
