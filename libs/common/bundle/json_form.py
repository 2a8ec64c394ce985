"""Turns bundle messages into their one JSON form and back, and refuses every other spelling.

The form: protobuf JSON names, integers as JSON numbers, absent and default values left out, canonical JSON
(RFC 8785). So a message has exactly one sequence of bytes, and only that sequence is read.
"""

from __future__ import annotations

from typing import Any, TypeVar

from google.protobuf.descriptor import FieldDescriptor
from google.protobuf.message import Message

from libs.common.bundle.faults import BadForm, shown
from libs.common.bundle.strict_json import MAX_JSON_BYTES, read_json
from libs.common.canon.decode import MAX_SAFE_INTEGER
from libs.common.canon.encode import encode

MessageT = TypeVar("MessageT", bound=Message)

_INT32 = (FieldDescriptor.TYPE_INT32, FieldDescriptor.TYPE_SINT32)
_INT64 = (FieldDescriptor.TYPE_INT64, FieldDescriptor.TYPE_SINT64)
_LIMITS = dict.fromkeys(_INT32, 2**31 - 1) | dict.fromkeys(_INT64, MAX_SAFE_INTEGER)
_TYPES: dict[int, type] = {FieldDescriptor.TYPE_STRING: str, FieldDescriptor.TYPE_BOOL: bool}


def to_canonical_json(message: Message) -> bytes:
    """Return the one JSON form of `message`."""
    return encode(to_value(message))


def to_value(message: Message) -> dict[str, Any]:
    """Return the JSON form of `message` as dictionaries, lists, texts, integers and booleans."""
    return {field.json_name: _export(field, content) for field, content in message.ListFields()}


def from_json(raw: bytes, message_type: type[MessageT], limit: int = MAX_JSON_BYTES) -> MessageT:
    """Return the message whose JSON form is exactly `raw`; raise BadForm that names the member at fault."""
    message = message_type()
    _fill(message, read_json(raw, limit), "$")
    return message


def _export(field: Any, content: Any) -> Any:
    value_field = _map_value(field)
    if value_field is not None:
        return {key: _export_one(value_field, content[key]) for key in content}
    if field.is_repeated:
        return [_export_one(field, item) for item in content]
    return _export_one(field, content)


def _export_one(field: Any, content: Any) -> Any:
    if field.type == FieldDescriptor.TYPE_MESSAGE:
        return to_value(content)
    if field.type in _LIMITS:
        if abs(content) > _LIMITS[field.type]:
            raise BadForm(
                field.json_name,
                f"{content} is beyond {MAX_SAFE_INTEGER}, the last integer JSON keeps exactly",
            )
    elif field.type not in _TYPES:
        raise TypeError(f"{field.full_name} has a type that the bundle's JSON form does not know")
    return content


def _fill(message: Message, value: Any, path: str) -> None:
    if not isinstance(value, dict):
        raise BadForm(path, f"an object is wanted, not {_kind_of(value)}")
    fields: dict[str, Any] = {field.json_name: field for field in message.DESCRIPTOR.fields}
    for name, item in value.items():
        where = f"{path}.{name}"
        if name not in fields:
            raise BadForm(where, "the format has no such member; a newer version of this program may know it")
        _fill_field(message, fields[name], item, where)


def _fill_field(message: Message, field: Any, item: Any, path: str) -> None:
    value_field = _map_value(field)
    if value_field is not None:
        _fill_map(getattr(message, field.name), value_field, item, path)
    elif field.is_repeated:
        _fill_list(getattr(message, field.name), field, item, path)
    elif field.type == FieldDescriptor.TYPE_MESSAGE:
        child = getattr(message, field.name)
        child.SetInParent()
        _fill(child, item, path)
    else:
        setattr(message, field.name, _scalar(field, item, path))
        if not field.has_presence and item == field.default_value:
            raise BadForm(path, f"the member states its default, {item!r}; the format leaves it out")


def _fill_map(container: Any, value_field: Any, item: Any, path: str) -> None:
    if not isinstance(item, dict) or not item:
        raise BadForm(path, f"an object with members is wanted, not {_kind_of(item)}")
    for key, entry in item.items():
        container[key] = _scalar(value_field, entry, f"{path}.{key}")


def _fill_list(container: Any, field: Any, item: Any, path: str) -> None:
    if not isinstance(item, list) or not item:
        raise BadForm(path, f"a list with entries is wanted, not {_kind_of(item)}")
    for position, entry in enumerate(item):
        where = f"{path}[{position}]"
        if field.type == FieldDescriptor.TYPE_MESSAGE:
            _fill(container.add(), entry, where)
        else:
            container.append(_scalar(field, entry, where))


def _scalar(field: Any, item: Any, path: str) -> Any:
    if field.type in _LIMITS:
        limit = _LIMITS[field.type]
        if type(item) is not int or abs(item) > limit:
            raise BadForm(path, f"an integer of at most {limit} is wanted, not {_kind_of(item)}")
    elif type(item) is not _TYPES.get(field.type):
        name = "boolean" if field.type == FieldDescriptor.TYPE_BOOL else "text"
        raise BadForm(path, f"a {name} is wanted, not {_kind_of(item)}")
    return item


def _map_value(field: Any) -> Any:
    """Return the field of the values of a map, or None where the field is no map."""
    if field.type == FieldDescriptor.TYPE_MESSAGE and field.message_type.GetOptions().map_entry:
        return field.message_type.fields_by_name["value"]
    return None


def _kind_of(value: Any) -> str:
    names = {dict: "an object", list: "a list", str: "a text", bool: "a boolean", type(None): "null"}
    return names.get(type(value), f"the number {shown(value)}")
