"""Rules of a manifest, in code and in its published JSON Schema."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from google.protobuf.descriptor import Descriptor
from stellaops.export.bundle.v1.manifest_pb2 import Manifest, ManifestContent

from libs.common.bundle import layout, manifest
from libs.common.bundle.json_form import from_json, to_value
from tests.kit import bundles

SCHEMA_FILE = Path(__file__).resolve().parents[5] / "proto" / "schema" / "export-manifest.schema.json"
SCHEMA: dict[str, Any] = json.loads(SCHEMA_FILE.read_text(encoding="utf-8"))
Change = Callable[[Manifest], None]


def made() -> Manifest:
    return from_json(bundles.make_bundle()[layout.MANIFEST], Manifest)


def records_entry(found: Manifest) -> ManifestContent:
    return next(content for content in found.contents if layout.is_record_path(content.path))


def test_the_rerun_hash_is_over_sorted_digests_joined_by_newlines() -> None:
    contents = [ManifestContent(digest="sha256:bb"), ManifestContent(digest="sha256:aa")]
    expected = hashlib.sha256(b"sha256:aa\nsha256:bb").hexdigest()
    assert manifest.rerun_hash(contents) == f"sha256:{expected}"


def test_a_made_manifest_is_valid() -> None:
    assert manifest.faults(made()) == []


def test_a_manifest_without_stated_times_is_valid() -> None:
    found = made()
    found.generated_at = found.inputs.ledger.as_of = ""
    assert manifest.faults(found) == []


def set_path(value: str) -> Change:
    def change(found: Manifest) -> None:
        found.contents[0].path = value

    return change


CHANGES: list[tuple[str, Change, bool]] = [
    ("$.schema", lambda found: setattr(found, "schema", "https://example.org"), True),
    ("$.version", lambda found: setattr(found, "version", "1.2.0"), True),
    ("$.version", lambda found: setattr(found, "version", "1.1.00"), True),
    ("$.exportId", lambda found: setattr(found, "export_id", "Short"), True),
    ("$.exportId", lambda found: setattr(found, "export_id", "a" * 65), True),
    ("$.tenant", lambda found: setattr(found, "tenant", "../acme"), True),
    ("$.tenant", lambda found: setattr(found, "tenant", ""), True),
    ("$.profile.kind", lambda found: setattr(found.profile, "kind", "JSON"), True),
    ("$.profile.name", lambda found: setattr(found.profile, "name", "a b"), True),
    ("$.profile.revision", lambda found: setattr(found.profile, "revision", "3"), True),
    ("$.generatedAt", lambda found: setattr(found, "generated_at", "2024-05-06 07:08:09"), True),
    ("$.generatedAt", lambda found: setattr(found, "generated_at", "2024-02-30T00:00:00Z"), False),
    ("$.inputs.ledger.digest", lambda found: setattr(found.inputs.ledger, "digest", "sha256:00"), True),
    ("$.inputs.ledger.asOf", lambda found: setattr(found.inputs.ledger, "as_of", "yesterday"), True),
    ("$.inputs.ledger.records", lambda found: setattr(found.inputs.ledger, "records", -1), True),
    ("$.selectors.kinds", lambda found: found.selectors.kinds.append("policy"), True),
    ("$.adapter.name", lambda found: setattr(found.adapter, "name", "json:policy"), False),
    ("$.adapter.version", lambda found: setattr(found.adapter, "version", ""), True),
    ("$.codec.name", lambda found: setattr(found.codec, "name", "gzip"), True),
    ("$.codec.level", lambda found: setattr(found.codec, "level", 20), True),
    ("$.codec.library", lambda found: setattr(found.codec, "library", ""), True),
    ("$.rerunHash", lambda found: setattr(found, "rerun_hash", "sha256:" + "A" * 64), True),
    ("$.contents[0].path", set_path("../README.md"), True),
    ("$.contents[0].path", set_path("/README.md"), True),
    ("$.contents[0].path", set_path("a//b"), True),
    ("$.contents[0].path", set_path("export.json"), True),
    ("$.contents[0].path", set_path("signatures/surprise"), True),
    ("$.contents[1].path", set_path("zzz"), False),
    ("$.contents[1].path", lambda found: found.contents[1].CopyFrom(found.contents[0]), False),
    ("$.contents[0].digest", lambda found: setattr(found.contents[0], "digest", "md5:00"), True),
    ("$.contents[0].bytes", lambda found: setattr(found.contents[0], "bytes", -1), True),
    ("$.contents[0].bytes", lambda found: setattr(found.contents[0], "bytes", 2**33), True),
    ("$.contents[0].contentType", lambda found: setattr(found.contents[0], "content_type", ""), True),
    ("$.contents[0]", lambda found: setattr(found.contents[0], "records", 0), True),
    ("$.contents[0]", lambda found: setattr(found.contents[0], "plain_bytes", 0), True),
    ("$.contents[1].records", lambda found: records_entry(found).ClearField("records"), True),
    ("$.contents[1].plainBytes", lambda found: records_entry(found).ClearField("plain_bytes"), True),
]


@pytest.mark.parametrize(("path", "change", "in_schema"), CHANGES)
def test_a_broken_rule_is_named_by_its_member(path: str, change: Change, in_schema: bool) -> None:
    found = made()
    change(found)
    assert path in {fault.split(": ")[0] for fault in manifest.faults(found)}
    if in_schema:
        with pytest.raises(jsonschema.ValidationError):
            jsonschema.validate(to_value(found), SCHEMA)


def test_faults_are_bounded() -> None:
    found = made()
    found.contents.extend([ManifestContent()] * 1000)
    assert len(manifest.faults(found)) == manifest.MAX_FAULTS + 1


def test_the_published_schema_is_a_schema() -> None:
    jsonschema.Draft202012Validator.check_schema(SCHEMA)


def test_a_made_manifest_holds_against_the_published_schema() -> None:
    jsonschema.validate(to_value(made()), SCHEMA)


def test_the_published_schema_has_the_members_of_the_contract() -> None:
    assert members_of_schema(SCHEMA) == members_of_contract(Manifest.DESCRIPTOR)


def members_of_contract(descriptor: Descriptor, prefix: str = "") -> set[str]:
    found: set[str] = set()
    for each in descriptor.fields:
        path = f"{prefix}.{each.json_name}"
        found.add(path)
        if each.message_type is not None:
            found |= members_of_contract(each.message_type, path)
    return found


def members_of_schema(schema: dict[str, Any], prefix: str = "") -> set[str]:
    found: set[str] = set()
    for name, member in schema.get("properties", {}).items():
        path = f"{prefix}.{name}"
        found.add(path)
        inner = member.get("items", member)
        reference = inner.get("$ref", "").removeprefix("#/$defs/")
        found |= members_of_schema(SCHEMA["$defs"][reference] if reference else inner, path)
    return found
