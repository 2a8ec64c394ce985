"""The description of the REST surface: of the right shape, whole, and true to the contracts."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import pytest
from google.protobuf import json_format
from jsonschema import Draft202012Validator, FormatChecker
from stellaops.export.v1.profiles_pb2 import Profile

from libs.common.errors import catalogue
from libs.common.rpc.access import REQUIRED, SERVICE
from services.gateway.binding import bindings
from services.gateway.comments import Comments
from services.gateway.openapi import document
from services.gateway.operations import OPERATIONS

DOCUMENT = document(bindings(), Comments.load())
# These carry bytes over gRPC; over REST they are the downloads and the upload.
STREAMS = {"/stellaops.export.v1.DistributionService/Download", "/stellaops.evidence.v1.ImportService/Import"}


def operations() -> Iterator[tuple[str, str, dict[str, Any]]]:
    for path, methods in DOCUMENT["paths"].items():
        for verb, operation in methods.items():
            yield path, verb, operation


def references(value: Any) -> Iterator[str]:
    if isinstance(value, dict):
        if "$ref" in value:
            yield value["$ref"]
        for item in value.values():
            yield from references(item)
    elif isinstance(value, list):
        for item in value:
            yield from references(item)


def resolved(reference: str) -> Any:
    found: Any = DOCUMENT
    for part in reference.removeprefix("#/").split("/"):
        found = found[part]
    return found


def test_it_is_openapi_3_1_with_everything_that_must_be_there() -> None:
    assert DOCUMENT["openapi"].startswith("3.1.")
    assert set(DOCUMENT["info"]) >= {"title", "version"}
    for _, _, operation in operations():
        assert operation["summary"].endswith(".")
        assert {"default"} < set(operation["responses"])
        assert all("description" in resolved_or(answer) for answer in operation["responses"].values())


def resolved_or(value: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = resolved(value["$ref"]) if "$ref" in value else value
    return found


def test_every_reference_leads_somewhere() -> None:
    found = set(references(DOCUMENT))
    assert len(found) > 20
    assert all(resolved(reference) for reference in found)


def test_operations_have_names_of_their_own() -> None:
    names = [operation["operationId"] for _, _, operation in operations()]
    assert len(names) == len(set(names))


def test_parameters_of_a_path_are_stated_once_and_no_others() -> None:
    for path, _, operation in operations():
        stated = [entry["name"] for entry in operation["parameters"] if entry.get("in") == "path"]
        assert sorted(stated) == sorted(re.findall(r"\{(\w+)\}", path)), path


def test_every_rpc_that_people_may_call_has_a_route() -> None:
    routed = {binding.rpc for binding in bindings()} | {operation.rpc for operation in OPERATIONS}
    wanted = {rpc for rpc, scope in REQUIRED.items() if scope != SERVICE}
    assert wanted - routed == set()
    assert {rpc for rpc in STREAMS if rpc in {operation.rpc for operation in OPERATIONS}} == STREAMS


def test_no_route_is_for_the_services_alone() -> None:
    assert [binding.rpc for binding in bindings() if REQUIRED[binding.rpc] == SERVICE] == []


def test_the_error_lists_the_whole_catalogue() -> None:
    codes = DOCUMENT["components"]["schemas"]["Error"]["x-codes"]
    assert set(codes) <= set(catalogue())
    assert codes["ERR_EXPORT_INVALID"]["status"] == 400


@pytest.mark.parametrize("name", sorted(DOCUMENT["components"]["schemas"]))
def test_every_schema_is_a_json_schema(name: str) -> None:
    Draft202012Validator.check_schema(DOCUMENT["components"]["schemas"][name])


def validator(name: str) -> Draft202012Validator:
    schema = {"$ref": f"#/components/schemas/{name}", "components": DOCUMENT["components"]}
    return Draft202012Validator(schema, format_checker=FormatChecker())


def test_a_message_as_rest_shows_it_fits_its_schema() -> None:
    profile = Profile(name="tenants/acme/profiles/nightly", etag="e1", revision="r1")
    profile.spec.kind, profile.spec.variant = "json", "raw"
    profile.spec.selector.sources.append("osv-go")
    profile.create_time.FromJsonString("2026-01-31T12:00:00Z")
    validator("Profile").validate(json_format.MessageToDict(profile))


@pytest.mark.parametrize(
    "spec",
    [
        {"kind": "JSON", "variant": "raw"},
        {"kind": "json", "variant": "raw", "compressionLevel": 20},
        {"kind": "json", "variant": "raw", "include": ["RECORD_KIND_VEX", "RECORD_KIND_VEX"]},
        {"kind": "json", "variant": "raw", "unknown": True},
    ],
)
def test_the_rules_of_the_contract_stand_in_its_schema(spec: dict[str, Any]) -> None:
    assert not validator("Profile").is_valid({"spec": spec})
    assert not validator("Profile").is_valid({})
