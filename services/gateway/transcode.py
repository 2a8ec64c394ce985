"""Turns the HTTP rules of the contracts into routes, both ways: one contract, no second model."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from google.protobuf import json_format
from google.protobuf.message import Message
from starlette.types import ASGIApp

from libs.common.http.answers import json_response
from libs.common.http.identity import caller_of
from libs.common.http.router import Call, Handler, Route
from libs.common.http.stream import Headers
from libs.common.names import tenant_name
from libs.common.rpc.tokens import TokenVerifier
from services.gateway.binding import Asked, Binding, bind
from services.gateway.requests import json_body
from services.gateway.upstreams import Upstreams, metadata_of

OK = 200
CREATED = 201
ACCEPTED = 202
# A run is made, but its work goes on after the answer.
_STATUS: Mapping[str, int] = {"CreateRun": ACCEPTED}


def routes(bindings: Iterable[Binding], verifier: TokenVerifier, upstreams: Upstreams) -> list[Route]:
    """Return a route for each rule of a unary RPC; streams have handlers of their own."""
    return [
        route_of(binding, _handler(binding, verifier, upstreams))
        for binding in bindings
        if not binding.method.server_streaming
    ]


def route_of(binding: Binding, handler: Handler) -> Route:
    """Return the route of a binding."""
    return Route(binding.verb, binding.template.pattern, binding.template.shown, handler)


def _handler(binding: Binding, verifier: TokenVerifier, upstreams: Upstreams) -> Handler:
    async def handle(call: Call) -> ASGIApp:
        tenant = caller_of(call.request, verifier, binding.rpc).tenant
        call.fields["tenant"] = tenant
        request = bind(binding, await asked_of(call, binding), tenant)
        answer = await upstreams.call(binding.served_by, binding.method, request, metadata_of(call, tenant))
        return _answer(call, binding, request, answer, tenant)

    return handle


async def asked_of(call: Call, binding: Binding) -> Asked:
    """Return what a request says; its body is read where the rule takes one."""
    headers = call.request.headers
    return Asked(
        call.variables,
        tuple(call.request.query_params.multi_items()),
        await json_body(call.request) if binding.body else None,
        headers.get("idempotency-key", ""),
        headers.get("if-match", ""),
    )


def json_value(message: Message) -> dict[str, Any]:
    """Return a message as the contract's JSON."""
    value: dict[str, Any] = json_format.MessageToDict(message)
    return value


def _answer(call: Call, binding: Binding, request: Message, answer: Message, tenant: str) -> ASGIApp:
    headers: dict[str, str] = {}
    if etag := getattr(answer, "etag", ""):
        headers["ETag"] = f'"{etag}"'
        known = call.request.headers.get("if-none-match", "")
        if binding.verb == "GET" and headers["ETag"] in known.split(", "):
            return Headers(304, headers)
    status = OK if getattr(request, "validate_only", False) else success_status(binding)
    if status != OK:
        place = str(getattr(answer, "name", "")).removeprefix(f"{tenant_name(tenant)}/")
        headers["Location"] = f"/api/export/{place}"
    return json_response(json_value(answer), status, headers)


def success_status(binding: Binding) -> int:
    """Return the HTTP status of the method's success."""
    name = binding.method.name
    return _STATUS.get(name, CREATED) if name.startswith("Create") else OK
