"""Requests made of path, query, body and headers, as the contracts' HTTP rules say."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest
from google.protobuf.message import Message
from stellaops.evidence.v1.imports_pb2 import DeleteRecordsRequest
from stellaops.export.v1.distributions_pb2 import ListDistributionsRequest
from stellaops.export.v1.profiles_pb2 import CreateProfileRequest, DeleteProfileRequest, UpdateProfileRequest
from stellaops.export.v1.runs_pb2 import CancelRunRequest, CreateRunRequest, ListRunsRequest, Run
from stellaops.export.v1.selectors_pb2 import RECORD_KIND_VEX

from libs.common.errors import InvalidField
from services.gateway.binding import Asked, Binding, bind, bindings

FOUND = bindings()


def made(method: str, path: str, **asked: Any) -> Message:
    """Return the request of the method's rule that matches the path."""
    binding, variables = matching(method, path)
    return bind(binding, Asked(variables, **asked), "acme")


def matching(method: str, path: str) -> tuple[Binding, Mapping[str, str]]:
    for binding in FOUND:
        match = binding.template.pattern.fullmatch(path)
        if binding.method.name == method and match is not None:
            return binding, match.groupdict()
    raise AssertionError(f"no rule of {method} matches {path}")


def refused(method: str, path: str, **asked: Any) -> tuple[str, str]:
    """Return field and reason."""
    with pytest.raises(InvalidField) as caught:
        made(method, path, **asked)
    return caught.value.details["field"], caught.value.details["reason"]


def test_every_rpc_for_users_has_a_route() -> None:
    by_design = {
        ("DistributionService", "Download"),  # HTTP ranges, proxied
        ("AdapterService", "ValidateSpec"),  # for the planner
        ("ImportService", "Import"),  # a form, bridged
        ("LedgerService", "OpenSnapshot"),  # for planner and adapter hosts, like the four after it
        ("LedgerService", "ReleaseSnapshot"),
        ("LedgerService", "ListSegments"),
        ("LedgerService", "StreamSegments"),
        ("LedgerService", "StreamRecords"),
    }
    services = {binding.method.containing_service for binding in FOUND}
    every = {(service.name, method.name) for service in services for method in service.methods}
    routed = {(binding.method.containing_service.name, binding.method.name) for binding in FOUND}
    assert every - routed == by_design


def test_no_two_rules_match_the_same_request() -> None:
    shown = [(binding.verb, binding.template.shown) for binding in FOUND]
    assert len(shown) == len(set(shown))


def test_a_second_rule_is_a_route_of_its_own() -> None:
    paths = {binding.template.shown for binding in FOUND if binding.method.name == "ListDistributions"}
    assert paths == {"/api/export/runs/{run}/distributions", "/api/export/distributions"}


def test_a_name_gets_the_tenant_before_it() -> None:
    request = made("CancelRun", "/api/export/runs/r-1:cancel")
    assert request == CancelRunRequest(name="tenants/acme/runs/r-1")


def test_a_parent_in_the_path_gets_the_tenant_before_it() -> None:
    request = made("ListDistributions", "/api/export/runs/r-1/distributions")
    assert request == ListDistributionsRequest(parent="tenants/acme/runs/r-1")


def test_a_parent_that_the_path_does_not_give_is_the_tenant() -> None:
    request = made("ListDistributions", "/api/export/distributions")
    assert request == ListDistributionsRequest(parent="tenants/acme")


def test_a_nested_name_is_set_within_the_body() -> None:
    request = made("UpdateProfile", "/api/export/profiles/nightly", body={"displayName": "Nightly"})
    assert isinstance(request, UpdateProfileRequest)
    assert request.profile.name == "tenants/acme/profiles/nightly"
    assert request.profile.display_name == "Nightly"


@pytest.mark.parametrize("name", ["tenants/acme/profiles/nightly", "profiles/nightly"])
def test_a_body_may_repeat_the_name_of_the_path(name: str) -> None:
    request = made("UpdateProfile", "/api/export/profiles/nightly", body={"name": name})
    assert isinstance(request, UpdateProfileRequest)
    assert request.profile.name == "tenants/acme/profiles/nightly"


@pytest.mark.parametrize("name", ["tenants/beta/profiles/nightly", "tenants/acme/profiles/other"])
def test_a_body_that_names_something_else_than_the_path_is_refused(name: str) -> None:
    field, _ = refused("UpdateProfile", "/api/export/profiles/nightly", body={"name": name})
    assert field == "profile.name"


@pytest.mark.parametrize("name", ["pageSize", "page_size"])
def test_a_query_parameter_has_its_json_or_its_proto_name(name: str) -> None:
    assert made("ListRuns", "/api/export/runs", query=((name, "7"),)) == ListRunsRequest(
        parent="tenants/acme", page_size=7
    )


def test_query_parameters_are_of_many_types() -> None:
    query = (("state", "STATE_FAILED"), ("profile", "nightly"), ("pageToken", "x y"))
    assert made("ListRuns", "/api/export/runs", query=query) == ListRunsRequest(
        parent="tenants/acme", state=Run.STATE_FAILED, profile="nightly", page_token="x y"
    )


@pytest.mark.parametrize(("text", "expected"), [("true", True), ("false", False)])
def test_a_flag_in_the_query_is_true_or_false(text: str, expected: bool) -> None:
    request = made("CreateRun", "/api/export/runs", query=(("validateOnly", text),), body={})
    assert isinstance(request, CreateRunRequest)
    assert request.validate_only is expected


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ((("pagesize", "7"),), "pagesize"),
        ((("pageSize", "many"),), "pageSize"),
        ((("pageSize", "99999999999"),), "pageSize"),
        ((("state", "STATE_ODD"),), "state"),
        ((("pageSize", "1"), ("pageSize", "2")), "pageSize"),
        ((("parent", "tenants/beta"),), "parent"),
        ((("", "x"),), ""),
        ((("page.size", "x"),), "page.size"),
        ((("pageSize.more", "x"),), "pageSize.more"),
    ],
)
def test_a_query_that_does_not_fit_names_its_parameter(
    query: tuple[tuple[str, str], ...], field: str
) -> None:
    assert refused("ListRuns", "/api/export/runs", query=query)[0] == field


def test_an_unknown_parameter_is_answered_with_those_that_there_are() -> None:
    _, reason = refused("ListRuns", "/api/export/runs", query=(("limit", "7"),))
    assert reason == "there is no such parameter; there are: pageSize, pageToken, state, profile"


def test_the_name_is_never_taken_from_the_query() -> None:
    query = (("name", "tenants/beta/runs/r-1"),)
    assert refused("GetRun", "/api/export/runs/r-1", query=query)[0] == "name"


def test_the_body_member_is_never_taken_from_the_query() -> None:
    assert refused("CreateRun", "/api/export/runs", query=(("run.profile", "x"),))[0] == "run.profile"


def test_where_the_body_is_the_whole_request_the_query_gives_nothing() -> None:
    query = (("source", "osv-go"),)
    assert refused("DeleteRecords", "/api/evidence/records:delete", query=query)[0] == "source"


def test_a_whole_body_fills_the_request() -> None:
    body = {"kind": "RECORD_KIND_VEX", "source": "vendor", "keys": ["a", "b"]}
    assert made("DeleteRecords", "/api/evidence/records:delete", body=body) == DeleteRecordsRequest(
        kind=RECORD_KIND_VEX, source="vendor", keys=["a", "b"]
    )


def test_a_body_of_one_member_leaves_the_rest_to_the_query() -> None:
    request = made(
        "CreateProfile",
        "/api/export/profiles",
        query=(("profileId", "nightly"),),
        body={"spec": {"kind": "json"}},
    )
    assert isinstance(request, CreateProfileRequest)
    assert (request.parent, request.profile_id, request.profile.spec.kind) == (
        "tenants/acme",
        "nightly",
        "json",
    )


def test_no_body_is_an_empty_object() -> None:
    request = made("CreateRun", "/api/export/runs", body=None)
    assert isinstance(request, CreateRunRequest)
    assert request.HasField("run")


@pytest.mark.parametrize("body", [[], "text", 7, True])
def test_a_body_that_is_no_object_is_refused(body: object) -> None:
    assert refused("CreateRun", "/api/export/runs", body=body)[0] == "run"


def test_an_idempotency_key_is_the_request_id() -> None:
    request = made("CreateRun", "/api/export/runs", body={}, idempotency_key="k-1")
    assert isinstance(request, CreateRunRequest)
    assert request.request_id == "k-1"


def test_a_request_id_may_be_said_twice_alike() -> None:
    request = made("CancelRun", "/api/export/runs/r:cancel", body={"requestId": "k-1"}, idempotency_key="k-1")
    assert isinstance(request, CancelRunRequest)
    assert request.request_id == "k-1"


def test_a_request_id_that_differs_from_the_idempotency_key_is_refused() -> None:
    asked = {"body": {"requestId": "k-2"}, "idempotency_key": "k-1"}
    assert refused("CancelRun", "/api/export/runs/r:cancel", **asked)[0] == "Idempotency-Key"


def test_an_idempotency_key_where_nothing_is_written_is_passed_over() -> None:
    assert made("ListRuns", "/api/export/runs", idempotency_key="k") == ListRunsRequest(parent="tenants/acme")


def test_if_match_is_the_etag_of_what_is_changed() -> None:
    request = made("UpdateProfile", "/api/export/profiles/nightly", body={}, if_match='"abc"')
    assert isinstance(request, UpdateProfileRequest)
    assert request.profile.etag == "abc"


def test_if_match_is_the_etag_of_what_is_deleted() -> None:
    request = made("DeleteProfile", "/api/export/profiles/nightly", if_match='"abc"')
    assert request == DeleteProfileRequest(name="tenants/acme/profiles/nightly", etag="abc")


def test_if_match_of_anything_asks_for_nothing() -> None:
    request = made("DeleteProfile", "/api/export/profiles/nightly", if_match="*")
    assert isinstance(request, DeleteProfileRequest)
    assert request.etag == ""


@pytest.mark.parametrize("header", ['W/"abc"', "abc", '"a", "b"', '"'])
def test_if_match_is_one_strong_entity_tag(header: str) -> None:
    assert refused("DeleteProfile", "/api/export/profiles/nightly", if_match=header)[0] == "If-Match"


def test_if_match_that_differs_from_the_body_is_refused() -> None:
    asked = {"body": {"etag": "other"}, "if_match": '"abc"'}
    assert refused("UpdateProfile", "/api/export/profiles/nightly", **asked)[0] == "If-Match"
