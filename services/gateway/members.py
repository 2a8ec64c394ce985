"""Fills a message from JSON by the contract's own mapping; whatever does not fit is named by its path."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from google.protobuf import json_format, message_factory
from google.protobuf.descriptor import FieldDescriptor
from google.protobuf.message import Message

from libs.common.canon import decode
from libs.common.errors import InvalidField

# Descriptors are of one class or another, by the implementation of protobuf that is installed.
Descriptor = Any

_SHOWN_NAMES = 12  # so many members are listed to somebody who named one that is not there
_SHOWN_CHARACTERS = 80  # so much of a hostile name stands in an error


def read_json(raw: bytes, path: str = "body") -> object:
    """Return the JSON value at `path`, read strictly: no duplicate member, no number that would change."""
    try:
        return decode.read(raw)
    except decode.Rejected as error:
        raise InvalidField(field=path, reason=error.detail) from error


def fill(message: Message, value: object, path: str) -> None:
    """Fill `message` from a JSON object; raise InvalidField that names the member at fault below `path`."""
    if not isinstance(value, dict):
        raise InvalidField(field=path or "body", reason="a JSON object is wanted")
    _refuse_unknown(message.DESCRIPTOR, value, path)
    try:
        json_format.ParseDict(value, message)
    except (json_format.ParseError, ValueError, TypeError) as error:
        raise _named(message.DESCRIPTOR, value, path, error) from error


def field_of(descriptor: Descriptor, name: str) -> FieldDescriptor | None:
    """Return the field with this JSON or proto name."""
    fields: list[FieldDescriptor] = list(descriptor.fields)
    return next((field for field in fields if name in (field.json_name, field.name)), None)


def is_plain_message(field: FieldDescriptor) -> bool:
    """Say whether the field holds a message of ours, whose JSON is an object of its members."""
    nested = field.message_type
    return nested is not None and not nested.full_name.startswith("google.") and not is_map(field)


def is_map(field: FieldDescriptor) -> bool:
    """Say whether the field is a map."""
    return field.message_type is not None and bool(field.message_type.GetOptions().map_entry)


def joined(path: str, name: str) -> str:
    """Return the path of a member of what is at `path`."""
    return f"{path}.{name[:_SHOWN_CHARACTERS]}" if path else name[:_SHOWN_CHARACTERS]


def _refuse_unknown(descriptor: Descriptor, value: Mapping[str, Any], path: str) -> None:
    for name, item in value.items():
        field = field_of(descriptor, name)
        where = joined(path, name)
        if field is None:
            known = [known.json_name for known in descriptor.fields]
            more = ", …" if len(known) > _SHOWN_NAMES else ""
            reason = f"there is no such member; there are: {', '.join(known[:_SHOWN_NAMES])}{more}"
            raise InvalidField(field=where, reason=reason)
        if not is_plain_message(field):
            continue
        for index, entry in enumerate(item if isinstance(item, list) else [item]):
            if isinstance(entry, dict):
                inner = f"{where}[{index}]" if isinstance(item, list) else where
                _refuse_unknown(field.message_type, entry, inner)


def _named(descriptor: Descriptor, value: Mapping[str, Any], path: str, error: Exception) -> InvalidField:
    """Return the error with the path of the first member that does not fit, found by trying each alone."""
    for name, item in value.items():
        field = field_of(descriptor, name)
        if field is None or _fits(descriptor, name, item):
            continue
        where, entry, wanted = joined(path, name), item, _wanted(field)
        if field.is_repeated and isinstance(item, list):
            at = next((i for i, one in enumerate(item) if not _fits(descriptor, name, [one])), 0)
            where, entry = f"{where}[{at}]", item[at]
        elif field.is_repeated:
            wanted = f"a list, each entry {wanted},"
        if is_plain_message(field) and isinstance(entry, dict):
            return _named(field.message_type, entry, where, error)
        return InvalidField(field=where, reason=f"{wanted} is wanted")
    return InvalidField(field=path or "body", reason=str(error)[:200].rstrip("."))


def _fits(descriptor: Descriptor, name: str, item: object) -> bool:
    try:
        json_format.ParseDict({name: item}, message_factory.GetMessageClass(descriptor)())
    except (json_format.ParseError, ValueError, TypeError):
        return False
    return True


_KINDS = {
    FieldDescriptor.CPPTYPE_INT32: "a whole number of at most 32 bits",
    FieldDescriptor.CPPTYPE_INT64: "a whole number of at most 64 bits, as a number or as text",
    FieldDescriptor.CPPTYPE_UINT32: "a whole number from 0",
    FieldDescriptor.CPPTYPE_UINT64: "a whole number from 0",
    FieldDescriptor.CPPTYPE_DOUBLE: "a number",
    FieldDescriptor.CPPTYPE_FLOAT: "a number",
    FieldDescriptor.CPPTYPE_BOOL: "true or false",
    FieldDescriptor.CPPTYPE_STRING: "a text",
}
_WELL_KNOWN = {
    "google.protobuf.Timestamp": "a time as in `2026-01-31T12:00:00Z`",
    "google.protobuf.FieldMask": "names of fields, joined by commas",
}


def _wanted(field: FieldDescriptor) -> str:
    """Return what would fit, or what would fit as an entry of the list that the field is."""
    if field.enum_type is not None:
        return f"one of {', '.join(value.name for value in field.enum_type.values)}"
    if field.message_type is not None:
        return _WELL_KNOWN.get(field.message_type.full_name, "a JSON object")
    return _KINDS[field.cpp_type]
