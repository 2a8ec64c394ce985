"""Messages become values, or the error names the field."""

from __future__ import annotations

import pytest
from google.protobuf.timestamp_pb2 import Timestamp
from stellaops.export.v1.selectors_pb2 import RECORD_KIND_VEX, Selector
from stellaops.export.work.v1.work_pb2 import KeyRange as KeyRangeMessage

from libs.common.errors import InvalidField
from services.adapter_host.evidence import KeyRange
from services.adapter_host.messages import key_range_of, kind_names, selection_of
from services.adapter_host.selection import Selection


def test_an_empty_selector_selects_all() -> None:
    assert selection_of(Selector()).selects_all


def test_sources_are_no_matter_of_records() -> None:
    assert selection_of(Selector(sources=["osv-go"])).selects_all


def test_a_selector_becomes_a_selection_with_its_times_in_nanoseconds() -> None:
    selector = Selector(
        ecosystems=["e"],
        packages=["p"],
        ids=["i"],
        modified_since=Timestamp(),
        modified_until=Timestamp(seconds=2, nanos=3),
    )
    assert selection_of(selector) == Selection(("e",), ("p",), ("i",), 0, 2_000_000_003)


@pytest.mark.parametrize("moment", [Timestamp(seconds=10**12), Timestamp(nanos=-1)])
def test_a_time_that_cannot_be_is_refused_by_field(moment: Timestamp) -> None:
    with pytest.raises(InvalidField, match=r"spec\.selector\.modified_until"):
        selection_of(Selector(modified_until=moment))


def test_an_unknown_kind_is_refused_by_field() -> None:
    with pytest.raises(InvalidField, match=r"spec\.include\[1\]"):
        kind_names("spec.include", [RECORD_KIND_VEX, 99])  # type: ignore[list-item] # a newer client may send it


def test_a_range_names_its_dataset() -> None:
    found = key_range_of(
        "ranges[0]", KeyRangeMessage(kind=RECORD_KIND_VEX, source="hub", start=b"a", end=b"b")
    )
    assert (found, found.dataset) == (KeyRange("vex", "hub", b"a", b"b"), "vex/hub")
