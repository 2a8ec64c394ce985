"""Turns specs, selectors and record kinds of the contract into values and back."""

from __future__ import annotations

from google.protobuf.json_format import MessageToDict, ParseDict
from stellaops.export.v1 import profiles_pb2, selectors_pb2

from libs.common.errors import InvalidField
from services.planner.profiles.spec import (
    ProfileSpec,
    Selector,
    selector_document,
    selector_from_document,
    spec_document,
    spec_from_document,
)
from services.planner.wire.times import BadTime, time_text

_KIND_PREFIX = "RECORD_KIND_"


def kind_name(number: selectors_pb2.RecordKind.ValueType) -> str:
    """Return the lower-case name of a record kind."""
    return selectors_pb2.RecordKind.Name(number).removeprefix(_KIND_PREFIX).lower()


def kind_number(name: str) -> selectors_pb2.RecordKind.ValueType:
    """Return the contract's number of a record kind."""
    return selectors_pb2.RecordKind.Value(_KIND_PREFIX + name.upper())


def spec_from_message(field: str, message: profiles_pb2.ProfileSpec) -> ProfileSpec:
    """Return the spec that a message holds; `field` is where the message stands in its request."""
    _check_times(f"{field}.selector", message.selector)
    return spec_from_document(MessageToDict(message))


def spec_to_message(spec: ProfileSpec) -> profiles_pb2.ProfileSpec:
    """Return a spec as a message."""
    return ParseDict(spec_document(spec), profiles_pb2.ProfileSpec())


def selector_from_message(field: str, message: selectors_pb2.Selector) -> Selector:
    """Return the selector that a message holds; `field` is where the message stands in its request."""
    _check_times(field, message)
    return selector_from_document(MessageToDict(message))


def selector_to_message(selector: Selector) -> selectors_pb2.Selector:
    """Return a selector as a message."""
    return ParseDict(selector_document(selector), selectors_pb2.Selector())


def _check_times(field: str, selector: selectors_pb2.Selector) -> None:
    for name in ("modified_since", "modified_until"):
        if selector.HasField(name):
            try:
                time_text(getattr(selector, name))
            except BadTime as error:
                raise InvalidField(field=f"{field}.{name}", reason=error) from error
