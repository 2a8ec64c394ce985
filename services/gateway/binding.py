"""Makes the request of an RPC from path, query, body and headers, by one HTTP rule of the contract.

Resource names in paths leave the tenant out, since the token gives it: variables of `name` and `parent` get
`tenants/{tenant}/` before them, and a `parent` that the path does not give is the tenant.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from google.api import annotations_pb2, http_pb2
from google.protobuf import message_factory
from google.protobuf.descriptor import FieldDescriptor, MethodDescriptor
from google.protobuf.message import Message

from libs.common.errors import InvalidField
from libs.common.names import tenant_name
from services.gateway.contracts import PUBLIC
from services.gateway.members import field_of, fill, is_map, joined
from services.gateway.templates import Template, parse_template

WHOLE_BODY = "*"
_FROM_PATH = ("name", "parent")
_ENTITY_TAG = re.compile(r'"([\x21\x23-\x7e]*)"')


@dataclass(frozen=True, slots=True)
class Binding:
    """One HTTP rule of one RPC."""

    method: MethodDescriptor
    served_by: str
    verb: str
    template: Template
    body: str

    @property
    def rpc(self) -> str:
        """Return the path of the RPC, as access rules and channels name it."""
        return f"/{self.method.containing_service.full_name}/{self.method.name}"

    def new_request(self) -> Message:
        """Return an empty request."""
        return message_factory.GetMessageClass(self.method.input_type)()


@dataclass(frozen=True, slots=True)
class Asked:
    """What an HTTP request says: groups of the path, pairs of the query, the body's JSON, two headers."""

    variables: Mapping[str, str]
    query: tuple[tuple[str, str], ...] = ()
    body: object = None
    idempotency_key: str = ""
    if_match: str = ""


def bindings() -> tuple[Binding, ...]:
    """Return every HTTP rule of the public services, in the order of the contracts."""
    found: list[Binding] = []
    for service in PUBLIC:
        for method in service.descriptor.methods:
            rule = method.GetOptions().Extensions[annotations_pb2.http]
            for each in (rule, *rule.additional_bindings):
                verb = each.WhichOneof("pattern")
                if verb is not None:
                    found.append(_binding(method, service.served_by, verb, each))
    return tuple(found)


def _binding(method: MethodDescriptor, served_by: str, verb: str, rule: http_pb2.HttpRule) -> Binding:
    return Binding(method, served_by, verb.upper(), parse_template(getattr(rule, verb)), rule.body)


def bind(binding: Binding, asked: Asked, tenant: str) -> Message:
    """Return the request; raise InvalidField that names the member, parameter or header at fault."""
    request = binding.new_request()
    _take_body(binding, request, asked.body)
    _take_query(binding, request, asked.query)
    for group, field in binding.template.fields:
        _set_named(request, field, f"{tenant_name(tenant)}/{asked.variables[group]}")
    if field_of(binding.method.input_type, "parent") and not getattr(request, "parent"):  # noqa: B009 - the type is dynamic
        _set(request, "parent", tenant_name(tenant))
    _take_idempotency_key(request, asked.idempotency_key)
    _take_if_match(binding, request, asked.if_match)
    return request


def _take_body(binding: Binding, request: Message, body: object) -> None:
    if not binding.body:
        return
    value = {} if body is None else body
    if binding.body == WHOLE_BODY:
        fill(request, value, "")
        return
    part = getattr(request, binding.body)
    part.SetInParent()
    fill(part, value, binding.body)


def _take_query(binding: Binding, request: Message, query: Iterable[tuple[str, str]]) -> None:
    value: dict[str, Any] = {}
    for name, text in query:
        field = _query_field(binding, name)
        place = value
        *folders, last = name.split(".")
        for folder in folders:
            place = place.setdefault(folder, {})
        item = _query_value(field, name, text)
        if field.is_repeated:
            place.setdefault(last, []).append(item)
        elif last in place:
            raise InvalidField(field=name, reason="the parameter stands twice")
        else:
            place[last] = item
    if value:
        fill(request, value, "")


def _query_field(binding: Binding, name: str) -> FieldDescriptor:
    taken = set(_FROM_PATH) | {field for _, field in binding.template.fields}
    taken |= {binding.body} if binding.body else set()
    root = name.partition(".")[0]
    if binding.body == WHOLE_BODY or root in taken or name in taken:
        reason = "no such parameter is taken from the query; it belongs into the path or the body"
        raise InvalidField(field=joined("", name), reason=reason)
    descriptor: Any = binding.method.input_type
    field: FieldDescriptor | None = None
    for part in name.split("."):
        field = field_of(descriptor, part) if descriptor is not None else None
        descriptor = field.message_type if field is not None else None
    if field is None or is_map(field):
        known = [field.json_name for field in binding.method.input_type.fields if field.name not in taken]
        reason = f"there is no such parameter; there are: {', '.join(known) or 'none'}"
        raise InvalidField(field=joined("", name), reason=reason)
    return field


def _query_value(field: FieldDescriptor, name: str, text: str) -> object:
    if field.cpp_type == FieldDescriptor.CPPTYPE_BOOL:
        if text not in ("true", "false"):
            raise InvalidField(field=name, reason="true or false is wanted")
        return text == "true"
    return text


def _set_named(request: Message, field: str, value: str) -> None:
    found = _get(request, field)
    if found not in ("", value, value.split("/", 2)[2]):
        raise InvalidField(field=field, reason="the body names something else than the path does")
    _set(request, field, value)


def _take_idempotency_key(request: Message, key: str) -> None:
    if not key or field_of(request.DESCRIPTOR, "request_id") is None:
        return
    if _get(request, "request_id") not in ("", key):
        raise InvalidField(field="Idempotency-Key", reason="`requestId` says something else")
    _set(request, "request_id", key)


def etag_field(binding: Binding) -> str:
    """Return the path of the field that If-Match fills, or an empty string."""
    if "etag" in binding.method.input_type.fields_by_name:
        return "etag"
    part: Any = binding.method.input_type.fields_by_name.get(binding.body)
    if binding.verb == "PUT" and part is not None and "etag" in part.message_type.fields_by_name:
        return f"{binding.body}.etag"
    return ""


def _take_if_match(binding: Binding, request: Message, header: str) -> None:
    field = etag_field(binding)
    if not header or header.strip() == "*" or not field:
        return
    found = _ENTITY_TAG.fullmatch(header.strip())
    if found is None:
        raise InvalidField(field="If-Match", reason="one strong entity tag in quotes is wanted")
    if _get(request, field) not in ("", found[1]):
        raise InvalidField(field="If-Match", reason=f"`{field}` says something else")
    _set(request, field, found[1])


def _owner(request: Message, path: str) -> tuple[Message, str]:
    *folders, last = path.split(".")
    for folder in folders:
        request = getattr(request, folder)
    return request, last


def _get(request: Message, path: str) -> str:
    owner, name = _owner(request, path)
    return str(getattr(owner, name))


def _set(request: Message, path: str, value: str) -> None:
    owner, name = _owner(request, path)
    setattr(owner, name, value)


def parameters(binding: Binding) -> Iterator[FieldDescriptor]:
    """Yield the fields of the request that the query may give, for documentation."""
    if binding.body == WHOLE_BODY:
        return
    taken = {*_FROM_PATH, binding.body}
    for field in binding.method.input_type.fields:
        if field.name not in taken and (field.message_type is None or _is_text(field)):
            yield field


def _is_text(field: FieldDescriptor) -> bool:
    nested: Any = field.message_type
    return nested.full_name in ("google.protobuf.Timestamp", "google.protobuf.FieldMask")
