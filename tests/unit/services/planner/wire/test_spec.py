"""Specs as messages and back."""

from __future__ import annotations

import pytest
from google.protobuf.json_format import MessageToDict
from google.protobuf.timestamp_pb2 import Timestamp
from stellaops.export.v1 import profiles_pb2
from stellaops.export.v1.selectors_pb2 import RECORD_KIND_VEX, Selector

from libs.common.errors import InvalidField
from services.planner.profiles.spec import ProfileSpec, spec_document
from services.planner.profiles.spec import Selector as SelectorValue
from services.planner.wire.spec import kind_name, kind_number, spec_from_message, spec_to_message

SPEC = ProfileSpec(
    "json",
    "raw",
    include=("vex",),
    selector=SelectorValue(ids=("CVE-1",), modified_since="2026-01-01T00:00:00.123456789Z"),
)


def test_a_spec_comes_back_from_its_message() -> None:
    assert spec_from_message("spec", spec_to_message(SPEC)) == SPEC


def test_the_json_form_is_that_of_the_contract() -> None:
    assert spec_document(SPEC) == MessageToDict(spec_to_message(SPEC))


def test_an_empty_selector_is_no_selector() -> None:
    message = profiles_pb2.ProfileSpec(kind="json", variant="raw", selector=Selector())
    assert spec_document(spec_from_message("spec", message)) == {"kind": "json", "variant": "raw"}


def test_a_time_that_no_calendar_has_is_refused_by_name() -> None:
    message = profiles_pb2.ProfileSpec(
        kind="json", variant="raw", selector=Selector(modified_until=Timestamp(seconds=10**15))
    )
    with pytest.raises(InvalidField, match=r"profile\.spec\.selector\.modified_until"):
        spec_from_message("profile.spec", message)


def test_record_kinds_have_names() -> None:
    assert (kind_name(RECORD_KIND_VEX), kind_number("vex")) == ("vex", RECORD_KIND_VEX)
