"""The assembly is a pure function: shards in any number and order give one bundle that keeps every rule."""

from __future__ import annotations

import itertools
import random

import pytest
from google.protobuf.timestamp_pb2 import Timestamp
from stellaops.export.bundle.v1.index_pb2 import Index
from stellaops.export.bundle.v1.manifest_pb2 import Manifest
from stellaops.export.v1.selectors_pb2 import Selector
from stellaops.export.work.v1.work_pb2 import ManifestHeader, Part, ShardOutput

from libs.common.bundle import layout, manifest
from libs.common.bundle.json_form import from_json
from libs.common.bundle.readme import render_readme
from libs.common.digests import sha256_digest
from libs.common.errors import Internal
from services.adapter_host.adapters.json_raw.adapter import ADAPTER
from services.adapter_host.assemble import Unsigned, assemble
from tests.kit.parts import header, made_parts, spec
from tests.kit.upstream import in_order, made_up

PARTS = [
    *made_parts("sbom", "two", in_order(made_up(f"key-{n}") for n in range(600))),
    *made_parts("sbom", "one", in_order(made_up(f"größe-{n}") for n in range(20))),
    *made_parts("vex", "hub", in_order(made_up(f"vex-{n}") for n in range(20))),
]


def output(parts: list[tuple[Part, Part]]) -> ShardOutput:
    return ShardOutput(parts=itertools.chain.from_iterable(parts))


def made(
    *outputs: ShardOutput, selector: Selector | None = None, words: ManifestHeader | None = None
) -> Unsigned:
    return assemble("acme", ADAPTER.about, spec(selector), words or header(), outputs)


def stated(bundle: Unsigned) -> Manifest:
    return from_json(bundle.manifest, Manifest)


def text(bundle: Unsigned, path: str) -> bytes:
    digest = next(file.digest for file in bundle.layout.files if file.path == path)
    return next(data for data in bundle.texts if sha256_digest(data) == digest)


def test_shards_in_any_number_and_order_give_the_same_bundle() -> None:
    whole = made(output(PARTS))
    shuffled = PARTS.copy()
    random.Random(7).shuffle(shuffled)
    assert made(*[output([part]) for part in shuffled]) == whole
    assert made(ShardOutput(), output(PARTS[2:]), output(PARTS[:2])) == whole


def test_the_manifest_lists_every_file_but_itself_sorted_with_its_digests() -> None:
    bundle = made(output(PARTS))
    listed = stated(bundle).contents
    paths = [content.path for content in listed]
    parts = [part for pair in PARTS for part in pair]
    indexes = ["indexes/sbom.index.json", "indexes/vex.index.json"]
    assert paths == sorted([layout.README, *indexes, *(part.path for part in parts)])
    by_path = {content.path: content for content in listed}
    for part in parts:
        entry = by_path[part.path]
        assert (part.digest, part.bytes, part.records) == (entry.digest, entry.bytes, entry.records)
        assert part.plain_bytes == entry.plain_bytes
    assert bundle.listed == tuple(listed)


def test_the_manifest_keeps_the_rules_of_the_format() -> None:
    assert manifest.faults(stated(made(output(PARTS)))) == []


def test_the_manifest_states_what_the_planner_and_the_adapter_say() -> None:
    found = stated(made(output(PARTS)))
    assert (found.schema, found.version) == (manifest.SCHEMA, manifest.VERSION)
    assert (found.tenant, found.export_id) == ("acme", header().export_id)
    assert (found.profile.name, found.profile.revision) == ("nightly", "r3")
    assert (found.generated_at, found.inputs.ledger.as_of) == ("2024-05-06T07:08:09.500Z",) * 2
    assert (found.inputs.ledger.digest, found.inputs.ledger.records) == (sha256_digest(b"s"), 42)
    assert (found.adapter.name, found.adapter.version) == ("json:raw", "1.0.0")
    assert found.adapter.schema == "https://stellaops.io/export-center/json-raw/v1"
    assert found.codec.level == 3
    assert found.rerun_hash == manifest.rerun_hash(found.contents)


def test_the_manifest_states_what_was_selected_in_one_order() -> None:
    selector = Selector(
        sources=["b", "a"],
        ids=["y", "x"],
        modified_since=Timestamp(seconds=1),
        packages=["p"],
        ecosystems=["e"],
    )
    found = stated(made(output(PARTS), selector=selector)).selectors
    assert (list(found.kinds), list(found.sources), list(found.ids)) == (
        ["sbom", "vex"],
        ["a", "b"],
        ["x", "y"],
    )
    assert (list(found.packages), list(found.ecosystems)) == (["p"], ["e"])
    assert (found.modified_since, found.modified_until) == ("1970-01-01T00:00:01Z", "")


def test_an_index_says_where_each_segment_stands() -> None:
    bundle = made(output(PARTS))
    index = from_json(text(bundle, "indexes/sbom.index.json"), Index)
    assert [(part.source, part.path) for part in index.parts] == sorted(
        ((one.source, one.path) for one, _ in PARTS if one.source in ("one", "two")),
        key=lambda place: (place[0], [one.path for one, _ in PARTS].index(place[1])),
    )
    documents, sources = PARTS[0]
    entry = next(part for part in index.parts if part.path == documents.path)
    assert entry.sources_path == sources.path
    assert [segment.first_key.encode() for segment in entry.segments] == [
        segment.first_key for segment in documents.segments
    ]
    ends = list(itertools.accumulate(segment.stored_bytes for segment in documents.segments))
    assert [segment.offset for segment in entry.segments] == [0, *ends[:-1]]
    assert [segment.sources_plain_digest for segment in entry.segments] == [
        segment.plain_digest for segment in sources.segments
    ]


def test_the_layout_holds_the_manifest_and_what_it_lists_in_order() -> None:
    bundle = made(output(PARTS))
    expected = {content.path: (content.digest, content.bytes) for content in bundle.listed}
    expected[layout.MANIFEST] = (sha256_digest(bundle.manifest), len(bundle.manifest))
    found = {file.path: (file.digest, file.bytes) for file in bundle.layout.files}
    assert found == expected
    assert [file.path for file in bundle.layout.files] == sorted(expected)
    for file in bundle.layout.files:
        assert sum(piece.bytes for piece in file.pieces) == file.bytes


def test_the_readme_is_that_of_the_finished_manifest() -> None:
    bundle = made(output(PARTS))
    assert text(bundle, layout.README) == render_readme(stated(bundle))


def test_a_bundle_of_nothing_has_a_manifest_and_a_readme_and_no_index() -> None:
    assert [content.path for content in made(ShardOutput()).listed] == [layout.README]


def test_a_path_that_comes_twice_is_refused_by_name() -> None:
    with pytest.raises(Internal, match=PARTS[0][0].path):
        made(output(PARTS), output(PARTS[:1]))


def test_documents_without_their_companion_are_refused() -> None:
    with pytest.raises(Internal, match="companion"):
        made(ShardOutput(parts=PARTS[0][:1]))


def test_a_companion_without_its_documents_is_refused() -> None:
    with pytest.raises(Internal, match="companion"):
        made(ShardOutput(parts=PARTS[0][1:]))


def test_work_without_a_ledger_snapshot_is_refused() -> None:
    words = header()
    del words.inputs[:]
    with pytest.raises(Internal, match="ledger"):
        made(output(PARTS), words=words)


def test_a_manifest_that_a_verifier_would_refuse_is_not_made() -> None:
    words = header()
    words.revision = "third"
    with pytest.raises(Internal, match=r"profile\.revision"):
        made(output(PARTS), words=words)


def test_evidence_without_a_stated_time_leaves_the_times_out() -> None:
    words = header()
    words.ClearField("generated_at")
    words.inputs[0].ClearField("as_of")
    found = stated(made(output(PARTS), words=words))
    assert (found.generated_at, found.inputs.ledger.as_of) == ("", "")
