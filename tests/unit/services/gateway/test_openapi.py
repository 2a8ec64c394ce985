"""The OpenAPI description: whole, well formed, the same as what is served."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import Iterator
from typing import Any

import httpx
import jsonschema
import pytest
from google.protobuf import json_format
from google.protobuf.timestamp_pb2 import Timestamp
from stellaops.export.v1.profiles_pb2 import Profile, ProfileSpec
from stellaops.export.v1.runs_pb2 import Run, RunEvent, RunProgress
from stellaops.export.v1.selectors_pb2 import RECORD_KIND_VEX, Selector

from libs.common import clock
from libs.common.rpc.access import REQUIRED
from services.gateway.application import application
from services.gateway.binding import bindings
from services.gateway.comments import Comments
from services.gateway.openapi import document
from services.gateway.upstreams import Upstreams
from tests.kit.gateway import verifier

DOCUMENT = document(bindings(), Comments.load())
SCHEMAS = DOCUMENT["components"]["schemas"]
OPERATIONS: list[tuple[str, str, dict[str, Any]]] = [
    (path, verb, operation) for path, verbs in DOCUMENT["paths"].items() for verb, operation in verbs.items()
]
IDS = [f"{verb} {path}" for path, verb, _ in OPERATIONS]


def schema_of(name: str) -> dict[str, Any]:
    return {"$ref": f"#/components/schemas/{name}", "components": {"schemas": SCHEMAS}}


def references(value: Any) -> Iterator[str]:
    if isinstance(value, dict):
        if "$ref" in value:
            yield value["$ref"]
        for item in value.values():
            yield from references(item)
    elif isinstance(value, list):
        for item in value:
            yield from references(item)


def test_it_says_what_it_is() -> None:
    assert DOCUMENT["openapi"] == "3.1.0"
    assert set(DOCUMENT["info"]) >= {"title", "version"}


def test_every_route_that_is_served_is_described_and_no_other() -> None:
    router = application(verifier(), Upstreams({}, 1), httpx.AsyncClient(), clock.now, asyncio.Event())
    served = {(route.method.lower(), route.label) for route in router._routes}
    assert {(verb, path) for path, verb, _ in OPERATIONS} == served


def test_every_reference_leads_somewhere() -> None:
    for reference in references(DOCUMENT):
        place: Any = DOCUMENT
        for part in reference.removeprefix("#/").split("/"):
            place = place[part]


def test_every_schema_is_referred_to() -> None:
    referred = {reference.rpartition("/")[2] for reference in references(DOCUMENT)}
    assert set(SCHEMAS) <= referred


@pytest.mark.parametrize("name", sorted(SCHEMAS))
def test_every_schema_is_a_json_schema(name: str) -> None:
    jsonschema.Draft202012Validator.check_schema(SCHEMAS[name])


def test_operations_have_names_of_their_own() -> None:
    names = [operation["operationId"] for _, _, operation in OPERATIONS]
    assert len(names) == len(set(names))


@pytest.mark.parametrize(("path", "verb", "operation"), OPERATIONS, ids=IDS)
def test_every_operation_is_whole(path: str, verb: str, operation: dict[str, Any]) -> None:
    assert operation["summary"]
    assert operation["responses"]["default"] == {"$ref": "#/components/responses/Error"}
    assert any(status.startswith("2") for status in operation["responses"])
    named = {each["name"] for each in operation["parameters"] if each.get("in") == "path"}
    assert named == set(re.findall(r"\{([a-z]+)\}", path))
    assert verb in ("get", "post", "put", "delete")
    assert ("requestBody" in operation) is (verb in ("post", "put"))


@pytest.mark.parametrize(("path", "verb", "operation"), OPERATIONS, ids=IDS)
def test_every_operation_says_who_may(path: str, verb: str, operation: dict[str, Any]) -> None:
    del path, verb
    if operation.get("security") == []:
        return
    scope = re.search(r"Scope: `([a-z:]+)`", operation["description"])
    assert scope is not None
    assert scope[1] in REQUIRED.values()


def test_rules_of_the_contract_are_rules_of_the_schema() -> None:
    spec = SCHEMAS["ProfileSpec"]["properties"]
    assert spec["kind"]["pattern"] == "^[a-z][a-z0-9]{0,31}$"
    assert (spec["compressionLevel"]["minimum"], spec["compressionLevel"]["maximum"]) == (0, 19)
    assert (spec["include"]["maxItems"], spec["include"]["uniqueItems"]) == (4, True)
    assert SCHEMAS["Profile"]["required"] == ["spec"]
    assert SCHEMAS["Profile"]["properties"]["revision"]["readOnly"] is True


def test_comments_of_the_contract_are_descriptions() -> None:
    assert (
        SCHEMAS["Run"]["properties"]["attempt"]["description"] == "Counts attempts, from 1; a retry adds one."
    )


EXAMPLES = [
    Profile(
        name="tenants/acme/profiles/nightly",
        spec=ProfileSpec(
            kind="json",
            variant="raw",
            include=[RECORD_KIND_VEX],
            selector=Selector(sources=["a"]),
            compression_level=3,
        ),
        create_time=Timestamp(seconds=1),
        etag="e",
    ),
    Run(name="tenants/acme/runs/r", profile="nightly", progress=RunProgress(records=1 << 60), attempt=2),
    RunEvent(sequence=3, type="succeeded", state=Run.STATE_SUCCEEDED, terminal=True),
]


@pytest.mark.parametrize("message", EXAMPLES, ids=lambda message: message.DESCRIPTOR.name)
def test_what_the_gateway_says_fits_its_schema(message: Any) -> None:
    value = json_format.MessageToDict(message)
    jsonschema.validate(value, schema_of(message.DESCRIPTOR.name))


@pytest.mark.parametrize(
    "value", [{"kind": "JSON"}, {"compressionLevel": 20}, {"unknown": 1}, {"include": ["ODD"]}]
)
def test_what_the_gateway_refuses_does_not_fit(value: dict[str, Any]) -> None:
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate({"kind": "json", "variant": "raw", **value}, schema_of("ProfileSpec"))


def test_it_is_the_same_every_time() -> None:
    again = document(bindings(), Comments.load())
    assert json.dumps(again) == json.dumps(DOCUMENT)
