"""JSON into messages: what does not fit is named by its path, with what would fit."""

from __future__ import annotations

import pytest
from stellaops.export.v1.profiles_pb2 import Profile, ProfileSpec
from stellaops.export.v1.runs_pb2 import WatchRunRequest

from libs.common.errors import InvalidField
from services.gateway.members import fill, read_json


def refused(value: object) -> tuple[str, str]:
    with pytest.raises(InvalidField) as caught:
        fill(Profile(), value, "profile")
    return caught.value.details["field"], caught.value.details["reason"]


def test_members_have_json_or_proto_names() -> None:
    one, other = Profile(), Profile()
    fill(one, {"displayName": "N", "spec": {"compressionLevel": 3}}, "")
    fill(other, {"display_name": "N", "spec": {"compression_level": 3}}, "")
    assert one == other == Profile(display_name="N", spec=ProfileSpec(compression_level=3))


@pytest.mark.parametrize(
    ("value", "field"),
    [
        ({"colour": 1}, "profile.colour"),
        ({"spec": {"colour": 1}}, "profile.spec.colour"),
        ({"spec": {"targets": [{}, {"colour": 1}]}}, "profile.spec.targets[1].colour"),
        ({"displayName": 7}, "profile.displayName"),
        ({"spec": 7}, "profile.spec"),
        ({"spec": {"compressionLevel": "high"}}, "profile.spec.compressionLevel"),
        ({"spec": {"compressionLevel": 1.5}}, "profile.spec.compressionLevel"),
        ({"spec": {"include": ["RECORD_KIND_VEX", "ODD"]}}, "profile.spec.include[1]"),
        ({"spec": {"include": "RECORD_KIND_VEX"}}, "profile.spec.include"),
        ({"spec": {"selector": {"sources": ["a", 7]}}}, "profile.spec.selector.sources[1]"),
        ({"createTime": "yesterday"}, "profile.createTime"),
        (["a"], "profile"),
    ],
)
def test_what_does_not_fit_is_named_by_its_path(value: object, field: str) -> None:
    assert refused(value)[0] == field


def test_an_unknown_member_is_answered_with_those_that_there_are() -> None:
    _, reason = refused({"spec": {"Kind": "json"}})
    assert reason.startswith("there is no such member; there are: kind, variant, include")


def test_a_wrong_enum_is_answered_with_its_names() -> None:
    assert "RECORD_KIND_VEX" in refused({"spec": {"include": ["ODD"]}})[1]


def test_a_name_that_is_long_is_cut_in_the_error() -> None:
    assert len(refused({"x" * 100_000: 1})[0]) < 200


def test_an_object_that_is_deep_is_refused_and_harms_nothing() -> None:
    value: object = {}
    for _ in range(500):
        value = {"spec": value}
    assert refused(value)[0] == "profile.spec.spec"


@pytest.mark.parametrize("number", ["9007199254740993", 7])
def test_a_whole_number_of_64_bits_is_text_or_number(number: object) -> None:
    request = WatchRunRequest()
    fill(request, {"afterSequence": number}, "")
    assert request.after_sequence == int(str(number))


@pytest.mark.parametrize(
    "raw",
    [b"{", b'{"a":1,"a":2}', b"\xff", b'{"a":NaN}', b'{"a":1e999}', b'{"a":1} x', b"[" * 100_000],
    ids=["cut", "duplicate", "not utf-8", "nan", "infinite", "trailing", "deep"],
)
def test_a_body_that_is_no_clean_json_is_refused(raw: bytes) -> None:
    with pytest.raises(InvalidField, match="`body`"):
        read_json(raw)
