"""Every message has one JSON form, and only that one is read."""

from __future__ import annotations

import json
from typing import Any

from google.protobuf import json_format
from hypothesis import given, settings
from hypothesis import strategies as st
from stellaops.export.bundle.v1.manifest_pb2 import Manifest, ManifestContent

from libs.common.bundle.faults import BadForm
from libs.common.bundle.json_form import from_json, to_canonical_json

TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=8)
CONTENTS = st.builds(
    ManifestContent,
    path=TEXT,
    digest=TEXT,
    bytes=st.integers(0, 2**53 - 1),
    records=st.none() | st.integers(0, 2**53 - 1),
    plain_bytes=st.none() | st.integers(0, 9),
)
MANIFESTS = st.builds(Manifest, schema=TEXT, tenant=TEXT, contents=st.lists(CONTENTS, max_size=3))


@settings(deadline=None)
@given(manifest=MANIFESTS)
def test_what_was_written_is_read(manifest: Manifest) -> None:
    assert from_json(to_canonical_json(manifest), Manifest) == manifest


@settings(deadline=None)
@given(manifest=MANIFESTS)
def test_it_agrees_with_protobuf_json_but_for_the_spelling_of_integers(manifest: Manifest) -> None:
    theirs = json_format.MessageToDict(manifest)
    ours = json.loads(to_canonical_json(manifest))
    assert texts(ours) == texts(theirs)


@settings(deadline=None)
@given(manifest=MANIFESTS, data=st.data())
def test_a_changed_byte_gives_another_message_or_none(manifest: Manifest, data: st.DataObject) -> None:
    raw = bytearray(to_canonical_json(manifest))
    position = data.draw(st.integers(0, len(raw) - 1))
    raw[position] ^= 1 << data.draw(st.integers(0, 7))
    try:
        read = from_json(bytes(raw), Manifest)
    except BadForm:
        return
    assert read != manifest


def texts(value: Any) -> Any:
    """Return the value with integers as texts, as protobuf JSON writes 64-bit ones."""
    if isinstance(value, dict):
        return {name: texts(item) for name, item in value.items()}
    if isinstance(value, list):
        return [texts(item) for item in value]
    return str(value) if isinstance(value, int) else value
