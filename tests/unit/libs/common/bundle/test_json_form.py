"""Rules of the one JSON form of bundle messages."""

from __future__ import annotations

import pytest
from stellaops.export.bundle.v1.index_pb2 import Index
from stellaops.export.bundle.v1.manifest_pb2 import Manifest, ManifestContent
from stellaops.export.bundle.v1.provenance_pb2 import ResourceDescriptor, Statement

from libs.common.bundle.faults import BadForm
from libs.common.bundle.json_form import from_json, to_canonical_json, to_value


def test_names_are_those_of_protobuf_json_and_integers_are_numbers() -> None:
    content = ManifestContent(path="a", content_type="b", bytes=2**53 - 1, plain_bytes=0)
    assert (
        to_canonical_json(content)
        == b'{"bytes":9007199254740991,"contentType":"b","path":"a","plainBytes":0}'
    )


def test_a_stated_json_name_is_kept() -> None:
    assert to_canonical_json(Statement(type="t")) == b'{"_type":"t"}'


def test_absent_and_default_values_are_left_out() -> None:
    assert to_value(Manifest(schema="", contents=[])) == {}


def test_an_empty_message_that_is_present_stays() -> None:
    manifest = Manifest()
    manifest.inputs.SetInParent()
    assert to_canonical_json(manifest) == b'{"inputs":{}}'
    assert from_json(b'{"inputs":{}}', Manifest) == manifest


def test_maps_are_sorted() -> None:
    made = ResourceDescriptor(digest={"sha512": "b", "sha256": "a"})
    assert to_canonical_json(made) == b'{"digest":{"sha256":"a","sha512":"b"}}'


def test_an_integer_that_json_cannot_carry_is_refused() -> None:
    with pytest.raises(BadForm, match="last integer"):
        to_canonical_json(ManifestContent(bytes=2**53))


def test_what_was_written_is_read() -> None:
    manifest = Manifest(schema="s", contents=[ManifestContent(path="a", bytes=1, records=0)])
    manifest.selectors.ecosystems.append("Größe")
    assert from_json(to_canonical_json(manifest), Manifest) == manifest


@pytest.mark.parametrize(
    ("raw", "path", "reason"),
    [
        (b'{"surprise":1}', "$.surprise", "no such member"),
        (b'{"profile":{"kind":"a","surprise":1}}', "$.profile.surprise", "no such member"),
        (b'{"export_id":"a"}', "$.export_id", "no such member"),
        (b'{"schema":1}', "$.schema", "a text is wanted, not the number 1"),
        (b'{"schema":null}', "$.schema", "a text is wanted, not null"),
        (b'{"schema":""}', "$.schema", "default"),
        (b'{"contents":[]}', "$.contents", "a list with entries"),
        (b'{"contents":{}}', "$.contents", "a list with entries is wanted, not an object"),
        (b'{"contents":[{"bytes":"1"}]}', "$.contents[0].bytes", "an integer"),
        (b'{"contents":[{"bytes":true}]}', "$.contents[0].bytes", "an integer"),
        (b'{"contents":[{"bytes":1.5}]}', "$.contents[0].bytes", "an integer"),
        (b'{"contents":[{"bytes":0}]}', "$.contents[0].bytes", "default"),
        (b'{"codec":{"level":2147483648}}', "$.codec.level", "at most 2147483647"),
        (b'{"profile":[]}', "$.profile", "an object is wanted, not a list"),
        (b"[]", "$", "an object is wanted"),
        (b'{"schema":"a","schema":"a"}', "$", "duplicate-member"),
        (b'{ "schema":"a"}', "$", "not canonical"),
        (b'{"version":"a","schema":"a"}', "$", "not canonical"),
        (b'{"schema":"\\u0061"}', "$", "not canonical"),
        (b'{"contents":[{"bytes":1.0}]}', "$", "not canonical"),
        (b'{"schema":"a"}\n', "$", "not canonical"),
        (b'{"schema":"a"}{}', "$", "trailing-data"),
        (b'{"schema":', "$", "truncated"),
        (b'{"schema":"\xff"}', "$", "invalid-utf8"),
        (b"[" * 100_000, "$", "too-deep"),
        (b"", "$", "truncated"),
    ],
)
def test_every_other_spelling_is_refused_at_its_place(raw: bytes, path: str, reason: str) -> None:
    with pytest.raises(BadForm) as caught:
        from_json(raw, Manifest)
    assert (caught.value.path, reason in caught.value.reason) == (path, True), caught.value


@pytest.mark.parametrize("raw", [b'{"digest":{}}', b'{"digest":{"sha256":1}}', b'{"digest":[]}'])
def test_a_map_holds_texts_and_is_not_empty(raw: bytes) -> None:
    with pytest.raises(BadForm, match="digest"):
        from_json(raw, ResourceDescriptor)


def test_a_file_beyond_the_limit_is_refused_unread() -> None:
    with pytest.raises(BadForm, match="more than the 10"):
        from_json(b"x" * 11, Index, limit=10)
