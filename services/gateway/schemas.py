"""JSON Schemas of the contracts' messages, with the rules that the contracts state."""

from __future__ import annotations

from typing import Any

from buf.validate import validate_pb2
from google.api import field_behavior_pb2
from google.protobuf.descriptor import EnumDescriptor, FieldDescriptor

from services.gateway.comments import Comments
from services.gateway.members import Descriptor, is_map

Schema = dict[str, Any]

_INTEGERS = {
    FieldDescriptor.CPPTYPE_INT32: ("int32", "int32"),
    FieldDescriptor.CPPTYPE_UINT32: ("uint32", "uint32"),
    FieldDescriptor.CPPTYPE_INT64: ("int64", "int64"),
    FieldDescriptor.CPPTYPE_UINT64: ("uint64", "uint64"),
}
_OTHERS: dict[int, Schema] = {
    FieldDescriptor.TYPE_BYTES: {"type": "string", "contentEncoding": "base64"},
    FieldDescriptor.TYPE_BOOL: {"type": "boolean"},
    FieldDescriptor.TYPE_DOUBLE: {"type": "number"},
    FieldDescriptor.TYPE_FLOAT: {"type": "number"},
}
_WELL_KNOWN: dict[str, Schema] = {
    "google.protobuf.Timestamp": {"type": "string", "format": "date-time"},
    "google.protobuf.FieldMask": {"type": "string"},
    "google.protobuf.Empty": {"type": "object", "additionalProperties": False},
}


class Schemas:
    """Collects the schema of each message that is referred to, under its short name."""

    def __init__(self, comments: Comments) -> None:
        """Take what the contracts say of their members."""
        self._comments = comments
        self._names: dict[str, str] = {}
        self.components: dict[str, Schema] = {}

    def reference(self, descriptor: Descriptor) -> Schema:
        """Return a reference to a message's schema."""
        if descriptor.full_name in _WELL_KNOWN:
            return dict(_WELL_KNOWN[descriptor.full_name])
        name = _short(descriptor)
        known = self._names.setdefault(name, descriptor.full_name)
        if known != descriptor.full_name:
            raise ValueError(f"{known} and {descriptor.full_name} have one short name")
        if name not in self.components:
            self.components[name] = {}
            self.components[name] = self._message(descriptor)
        return {"$ref": f"#/components/schemas/{name}"}

    def field(self, field: FieldDescriptor) -> Schema:
        """Return the schema of one field."""
        rules = field.GetOptions().Extensions[validate_pb2.field]
        if is_map(field):
            entry: Descriptor = field.message_type
            values = self._single(entry.fields_by_name["value"], rules.map.values)
            schema: Schema = {"type": "object", "additionalProperties": values}
        elif field.is_repeated:
            schema = {"type": "array", "items": self._single(field, rules.repeated.items)}
            schema |= _bounds(rules.repeated, min_items="minItems", max_items="maxItems")
            if rules.repeated.unique:
                schema["uniqueItems"] = True
        else:
            schema = self._single(field, rules)
        if comment := self._comments.of(field.full_name):
            schema["description"] = comment
        behaviors = field.GetOptions().Extensions[field_behavior_pb2.field_behavior]
        if field_behavior_pb2.OUTPUT_ONLY in behaviors:
            schema["readOnly"] = True
        return schema

    def _message(self, descriptor: Descriptor) -> Schema:
        fields: list[FieldDescriptor] = list(descriptor.fields)
        schema: Schema = {
            "type": "object",
            "properties": {field.json_name: self.field(field) for field in fields},
            "additionalProperties": False,
        }
        if comment := self._comments.of(descriptor.full_name):
            schema["description"] = comment
        if required := [field.json_name for field in fields if _is_required(field)]:
            schema["required"] = required
        return schema

    def _single(self, field: FieldDescriptor, rules: validate_pb2.FieldRules) -> Schema:
        if field.enum_type is not None:
            return self._enum(field.enum_type)
        if field.message_type is not None:
            return self.reference(field.message_type)
        if field.cpp_type in _INTEGERS:
            return _integer(field, rules)
        if field.type == FieldDescriptor.TYPE_STRING:
            return _text(rules.string)
        return dict(_OTHERS[field.type])

    def _enum(self, enum: EnumDescriptor) -> Schema:
        schema: Schema = {"type": "string", "enum": [value.name for value in enum.values]}
        if comment := self._comments.of(enum.full_name):
            schema["description"] = comment
        return schema


def _is_required(field: FieldDescriptor) -> bool:
    """Say whether a request without the field is refused."""
    options = field.GetOptions()
    behaviors = options.Extensions[field_behavior_pb2.field_behavior]
    required: bool = options.Extensions[validate_pb2.field].required
    return required or field_behavior_pb2.REQUIRED in behaviors


def _short(descriptor: Descriptor) -> str:
    """Return the name without its package: `Run`, `Distribution`."""
    return str(descriptor.full_name).removeprefix(f"{descriptor.file.package}.")


def _integer(field: FieldDescriptor, rules: validate_pb2.FieldRules) -> Schema:
    name, form = _INTEGERS[field.cpp_type]
    if name.endswith("64"):  # as text: JavaScript's numbers are too small
        return {"type": "string", "format": form}
    return {"type": "integer", "format": form} | _bounds(getattr(rules, name), gte="minimum", lte="maximum")


def _text(rules: validate_pb2.StringRules) -> Schema:
    schema: Schema = {"type": "string"}
    schema |= _bounds(rules, min_len="minLength", max_len="maxLength", pattern="pattern")
    if choices := list(getattr(rules, "in")):
        schema["enum"] = choices
    return schema


def _bounds(rules: Any, **names: str) -> Schema:
    """Return the rules that are set, under their names in JSON Schema."""
    return {keyword: getattr(rules, rule) for rule, keyword in names.items() if rules.HasField(rule)}
