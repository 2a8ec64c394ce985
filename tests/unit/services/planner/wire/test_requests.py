"""What every request carries: parent, request id; and what an update's mask may name."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from google.protobuf.field_mask_pb2 import FieldMask
from stellaops.export.v1 import profiles_pb2

from libs.common.errors import InvalidField, TenantDenied
from services.planner.profiles.revisions import Profile
from services.planner.profiles.spec import ProfileSpec, Selector
from services.planner.wire.drafts import check_mask, edited
from services.planner.wire.requests import read_request, require_parent

THEN = datetime(2026, 1, 1, tzinfo=UTC)
PROFILE = Profile(
    "uid", "nightly", "Nightly", ProfileSpec("json", "raw", selector=Selector(ids=("a",))), 1, 1, THEN, THEN
)


def message(profile_id: str = "nightly", request_id: str = "one") -> profiles_pb2.CreateProfileRequest:
    return profiles_pb2.CreateProfileRequest(profile_id=profile_id, request_id=request_id)


def test_a_request_is_told_by_all_but_its_id() -> None:
    one, other = message(request_id="one"), message(request_id="two")
    assert read_request(one, "one").digest == read_request(other, "two").digest


def test_another_request_has_another_digest() -> None:
    assert read_request(message("a"), "one").digest != read_request(message("b"), "one").digest


def test_the_kind_of_request_counts() -> None:
    empty = profiles_pb2.UpdateProfileRequest()
    assert read_request(profiles_pb2.CreateProfileRequest(), "").digest != read_request(empty, "").digest


@pytest.mark.parametrize("request_id", ["a b", "\x00", "é", "x" * 65])
def test_a_strange_request_id_is_refused(request_id: str) -> None:
    with pytest.raises(InvalidField, match="request_id"):
        read_request(message(), request_id)


def test_a_parent_must_be_the_caller_s_tenant() -> None:
    require_parent("", "acme")
    require_parent("tenants/acme", "acme")
    with pytest.raises(TenantDenied):
        require_parent("tenants/beta", "acme")


@pytest.mark.parametrize("path", ["name", "uid", "etag", "revision", "nothing", "spec.nothing", ""])
def test_a_mask_names_only_what_can_be_set(path: str) -> None:
    with pytest.raises(InvalidField, match="update_mask"):
        check_mask(FieldMask(paths=[path]))


@pytest.mark.parametrize("path", ["*", "display_name", "spec", "spec.selector", "spec.selector.ids"])
def test_a_mask_may_name_what_can_be_set(path: str) -> None:
    check_mask(FieldMask(paths=[path]))


def changes(*paths: str) -> tuple[str, ProfileSpec]:
    """Return what becomes of the profile when these paths of another one are taken over."""
    spec = profiles_pb2.ProfileSpec(kind="json", variant="raw", compression_level=9)
    draft = edited(profiles_pb2.Profile(display_name="New", spec=spec), FieldMask(paths=paths), PROFILE)
    return draft.display_name, draft.spec


def test_only_the_fields_of_the_mask_change() -> None:
    assert changes("display_name") == ("New", PROFILE.spec)


def test_a_field_of_the_spec_may_change_alone() -> None:
    expected = ProfileSpec("json", "raw", selector=Selector(ids=("a",)), compression_level=9)
    assert changes("spec.compression_level") == ("Nightly", expected)


def test_a_list_is_replaced_whole() -> None:
    assert changes("spec.selector.ids")[1].selector.ids == ()


@pytest.mark.parametrize("paths", [(), ("*",)])
def test_no_mask_takes_every_set_field(paths: tuple[str, ...]) -> None:
    assert changes(*paths) == ("New", ProfileSpec("json", "raw", compression_level=9))
