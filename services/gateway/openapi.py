"""Describes the whole REST surface as OpenAPI 3.1, from the same descriptors that the routes are made of."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterable, Sequence
from typing import Any

from starlette.responses import Response
from starlette.types import ASGIApp

from libs.common.errors import catalogue
from libs.common.http.answers import JSON
from libs.common.http.router import Call, Route
from libs.common.http.stream import Headers
from libs.common.rpc.access import REQUIRED
from services.gateway.binding import WHOLE_BODY, Binding, etag_field, parameters
from services.gateway.comments import Comments
from services.gateway.contracts import WATCH_RUN
from services.gateway.operations import OPERATIONS, Operation
from services.gateway.schemas import Schema, Schemas
from services.gateway.transcode import success_status

PATH = "/.well-known/openapi"
VERSION = "1.0.0"  # of the surface: a new minor version adds, a new major one breaks
_TENANT = {"$ref": "#/components/parameters/Tenant"}
_ANY_ERROR = {"$ref": "#/components/responses/Error"}
_TEXT: Schema = {"type": "string"}


class OpenApi:
    """The route of the description; it is made once, and open to all, since it says nothing of any tenant."""

    def __init__(self, bindings: Iterable[Binding]) -> None:
        """Make the description."""
        made = document(tuple(bindings), Comments.load())
        self._body = json.dumps(made, ensure_ascii=False, separators=(",", ":")).encode("utf-8")
        self._etag = f'"sha256:{hashlib.sha256(self._body).hexdigest()}"'

    def route(self) -> Route:
        """Return the route."""
        return Route("GET", re.compile(re.escape(PATH)), PATH, self._handle)

    async def _handle(self, call: Call) -> ASGIApp:
        headers = {"ETag": self._etag, "Cache-Control": "public, max-age=300"}
        if self._etag in call.request.headers.get("if-none-match", "").split(", "):
            return Headers(304, headers)
        return Response(self._body, 200, headers, JSON)


def document(bindings: Sequence[Binding], comments: Comments) -> dict[str, Any]:
    """Return the description."""
    schemas = Schemas(comments)
    paths: dict[str, dict[str, Any]] = {}
    seen: set[str] = set()
    for binding in bindings:
        name = f"{binding.method.name}OfAll" if binding.method.name in seen else binding.method.name
        seen.add(binding.method.name)
        operation = _operation(binding, name, schemas, comments)
        paths.setdefault(binding.template.shown, {})[binding.verb.lower()] = operation
    for extra in OPERATIONS:
        paths.setdefault(extra.path, {})[extra.verb.lower()] = _extra(extra)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Export Center",
            "version": VERSION,
            "description": "Names in paths leave the tenant out: the token and `X-Stella-Tenant` give it.",
        },
        "servers": [{"url": "/"}],
        "security": [{"bearer": []}],
        "paths": dict(sorted(paths.items())),
        "components": _components(schemas),
    }


def _components(schemas: Schemas) -> dict[str, Any]:
    tenant = _parameter(
        "X-Stella-Tenant", "header", "One of the token's tenants; not needed where it has one."
    )
    error = {"$ref": "#/components/schemas/Error"}
    return {
        "securitySchemes": {"bearer": {"type": "http", "scheme": "bearer", "bearerFormat": "JWT"}},
        "parameters": {"Tenant": tenant},
        "responses": {
            "Error": {"description": "What went wrong, and the cure.", "content": {JSON: {"schema": error}}}
        },
        "schemas": {"Error": _error(), **dict(sorted(schemas.components.items()))},
    }


def _error() -> Schema:
    codes = {
        code: {"status": kind.http, "message": kind.sentence, "cure": kind.cure}
        for code, kind in catalogue().items()
    }
    fault = {"type": "object", "properties": {"field": _TEXT, "description": _TEXT}}
    properties = {
        "code": {**_TEXT, "description": "Code of the catalogue."},
        "message": {**_TEXT, "description": "What happened, to what."},
        "cure": {**_TEXT, "description": "What to do next."},
        "details": {"type": "array", "items": fault, "description": "One entry for each field at fault."},
        "traceId": {**_TEXT, "description": "W3C trace id; the logs of all services have it."},
        "timestamp": {**_TEXT, "format": "date-time"},
    }
    return {
        "type": "object",
        "description": "The one shape of errors.",
        "required": list(properties),
        "properties": properties,
        "x-codes": codes,
    }


def _operation(binding: Binding, name: str, schemas: Schemas, comments: Comments) -> dict[str, Any]:
    made: dict[str, Any] = {
        "operationId": name,
        "tags": [binding.method.containing_service.name],
        "summary": comments.of(binding.method.full_name),
        "description": f"Scope: `{REQUIRED[binding.rpc]}`.",
        "parameters": [
            _TENANT,
            *(_parameter(parameter, "path") for parameter in binding.template.parameters),
            *(_query(field, schemas) for field in parameters(binding)),
            *_headers(binding),
        ],
        "responses": {str(success_status(binding)): _success(binding, schemas), "default": _ANY_ERROR},
    }
    if binding.body:
        asked: Any = binding.method.input_type
        body = asked if binding.body == WHOLE_BODY else asked.fields_by_name[binding.body].message_type
        content = {JSON: {"schema": schemas.reference(body)}}
        made["requestBody"] = {"required": binding.body != WHOLE_BODY, "content": content}
    return made


def _success(binding: Binding, schemas: Schemas) -> dict[str, Any]:
    schema = schemas.reference(binding.method.output_type)
    if binding.rpc == WATCH_RUN:
        description = "Server-sent events: `id` is the sequence, `event` the type, `data` the JSON."
        return {"description": description, "content": {"text/event-stream": {"schema": schema}}}
    return {"description": "The answer.", "content": {JSON: {"schema": schema}}}


def _parameter(name: str, place: str, description: str = "") -> dict[str, Any]:
    made: dict[str, Any] = {"name": name, "in": place, "schema": _TEXT}
    if place == "path":
        made["required"] = True
    if description:
        made["description"] = description
    return made


def _query(field: Any, schemas: Schemas) -> dict[str, Any]:
    schema = schemas.field(field)
    description = schema.pop("description", "")
    return {**_parameter(field.json_name, "query", description), "schema": schema}


def _headers(binding: Binding) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []
    if "request_id" in binding.method.input_type.fields_by_name:
        description = "A UUID: a repeated request gets the first answer."
        found.append(_parameter("Idempotency-Key", "header", description))
    if etag_field(binding):
        found.append(_parameter("If-Match", "header", "The entity tag that was read: refuses a lost update."))
    if binding.rpc == WATCH_RUN:
        found.append(_parameter("Last-Event-ID", "header", "Replays what came after this event."))
        found.append(_parameter("after", "query", "The same, for clients that cannot set the header."))
    return found


def _extra(operation: Operation) -> dict[str, Any]:
    names = re.findall(r"\{([a-z]+)\}", operation.path)
    open_to_all = not operation.rpc
    tokens = [] if open_to_all else [_TENANT]
    content: dict[str, Schema] = {operation.media_type: {}}
    made: dict[str, Any] = {
        "operationId": operation.name,
        "tags": ["Files" if operation.ranges else "Gateway"],
        "summary": operation.summary,
        "description": "Needs no token." if open_to_all else f"Scope: `{REQUIRED[operation.rpc]}`.",
        "parameters": [*tokens, *(_parameter(name, "path") for name in names)],
        "responses": {
            "200": {"description": operation.summary, "content": content},
            "default": _ANY_ERROR,
        },
    }
    if operation.ranges:
        headers = ("Range", "If-Range", "If-Match", "If-None-Match")
        made["parameters"] += [_parameter(name, "header") for name in headers]
        made["responses"]["206"] = {"description": "The ranges that were asked for.", "content": content}
        made["responses"]["304"] = {"description": "The client has it."}
    if open_to_all:
        made["security"] = []
    if operation.verb == "POST":
        made["requestBody"] = {"required": True, "content": {"multipart/form-data": {"schema": _form()}}}
    return made


def _form() -> Schema:
    file = {"type": "string", "format": "binary"}
    spec = {**_TEXT, "contentMediaType": JSON, "description": "An ImportSpec; comes first."}
    files = {"type": "array", "items": file, "description": "Each file name is the relative name."}
    return {"type": "object", "required": ["spec", "file"], "properties": {"spec": spec, "file": files}}
