"""Profiles and their revisions over the real wire."""

from __future__ import annotations

import hashlib
from typing import Any

import pytest
from google.protobuf.field_mask_pb2 import FieldMask
from google.protobuf.json_format import MessageToDict
from stellaops.export.v1 import profiles_pb2
from stellaops.export.v1.selectors_pb2 import Selector
from stellaops.export.v1.targets_pb2 import Target

from libs.common.canon.encode import encode
from tests.kit.planner import Client, House, refused


async def update(
    client: Client, profile: profiles_pb2.Profile, *mask: str, **more: object
) -> profiles_pb2.Profile:
    request = profiles_pb2.UpdateProfileRequest(
        profile=profile,
        update_mask=FieldMask(paths=mask),
        **more,  # type: ignore[arg-type] # fields of the request
    )
    return await client.profiles.UpdateProfile(request, metadata=client.metadata)


async def get(client: Client, name: str = "nightly") -> profiles_pb2.Profile:
    return await client.profiles.GetProfile(
        profiles_pb2.GetProfileRequest(name=name), metadata=client.metadata
    )


async def revisions(client: Client, name: str = "nightly") -> list[profiles_pb2.ProfileRevision]:
    request = profiles_pb2.ListProfileRevisionsRequest(parent=name)
    answer = await client.profiles.ListProfileRevisions(request, metadata=client.metadata)
    return list(answer.revisions)


async def test_a_new_profile_is_at_its_first_revision(house: House, tenant: str) -> None:
    client = house.client(tenant)
    created = await client.create_profile()
    assert (created.name, created.revision) == (f"tenants/{tenant}/profiles/nightly", "r1")
    assert await get(client) == created


async def test_a_name_is_taken_once(house: House, tenant: str) -> None:
    client = house.client(tenant)
    await client.create_profile()
    with refused("ERR_EXPORT_EXISTS"):
        await client.create_profile()


async def test_a_repeated_creation_gives_the_first_answer(house: House, tenant: str) -> None:
    client = house.client(tenant)
    created = await client.create_profile(request_id="one")
    assert await client.create_profile(request_id="one") == created


async def test_a_changed_spec_makes_a_revision_and_an_equal_one_does_not(house: House, tenant: str) -> None:
    client = house.client(tenant)
    created = await client.create_profile(selector=Selector(ids=["b", "a"]))
    created.spec.selector.ids[:] = ["a", "b"]
    assert await update(client, created) == await get(client)
    created.spec.selector.ids.append("c")
    changed = await update(client, created)
    assert (changed.revision, changed.uid) == ("r2", created.uid)
    assert [found.name.rpartition("/")[2] for found in await revisions(client)] == ["r2", "r1"]


async def test_a_revision_states_the_digest_of_its_spec_s_canonical_json(house: House, tenant: str) -> None:
    client = house.client(tenant)
    await client.create_profile(selector=Selector(ids=["CVE-1"]))
    (found,) = await revisions(client)
    expected = hashlib.sha256(encode(MessageToDict(found.snapshot))).hexdigest()
    assert found.spec_digest == f"sha256:{expected}"
    assert found.author == f"user-{tenant}"


async def test_one_revision_is_found_by_name(house: House, tenant: str) -> None:
    client = house.client(tenant)
    created = await client.create_profile()
    request = profiles_pb2.GetProfileRevisionRequest(name=f"{created.name}/revisions/r1")
    found = await client.profiles.GetProfileRevision(request, metadata=client.metadata)
    assert found.snapshot == created.spec
    with refused("ERR_EXPORT_NOT_FOUND"):
        request.name = f"{created.name}/revisions/r2"
        await client.profiles.GetProfileRevision(request, metadata=client.metadata)


async def test_a_mask_changes_what_it_names_alone(house: House, tenant: str) -> None:
    client = house.client(tenant)
    created = await client.create_profile(selector=Selector(ids=["CVE-1"]))
    created.display_name = "Every night"
    created.spec.selector.Clear()
    changed = await update(client, created, "display_name")
    assert (changed.display_name, list(changed.spec.selector.ids)) == ("Every night", ["CVE-1"])
    assert changed.revision == "r1"
    created.etag = changed.etag
    cleared = await update(client, created, "spec.selector.ids")
    assert (list(cleared.spec.selector.ids), cleared.revision) == ([], "r2")


async def test_a_lost_update_is_refused(house: House, tenant: str) -> None:
    client = house.client(tenant)
    created = await client.create_profile()
    changed = profiles_pb2.Profile()
    changed.CopyFrom(created)
    changed.display_name = "First"
    await update(client, changed)
    with refused("ERR_EXPORT_ETAG"):
        await update(client, created)


async def test_an_update_that_is_only_validated_changes_nothing(house: House, tenant: str) -> None:
    client = house.client(tenant)
    created = await client.create_profile()
    created.spec.compression_level = 9
    shown = await update(client, created, validate_only=True)
    assert shown.revision == "r2"
    assert (await get(client)).revision == "r1"


async def test_a_creation_that_is_only_validated_creates_nothing(house: House, tenant: str) -> None:
    client = house.client(tenant)
    assert (await client.create_profile(validate_only=True)).revision == "r1"
    with refused("ERR_EXPORT_PROFILE_NOT_FOUND"):
        await get(client)


@pytest.mark.parametrize(
    ("spec", "code"),
    [
        ({"targets": [Target(id="download", driver="http")]}, "ERR_EXPORT_INVALID"),
        ({"targets": [Target(id="a", driver="http")] * 2}, "ERR_EXPORT_INVALID"),
        ({"selector": Selector(ecosystems=["Nowhere"])}, "ERR_EXPORT_INVALID"),
        ({"selector": Selector(ids=["\x00"])}, "ERR_EXPORT_INVALID"),
        ({"variant": "fancy"}, "ERR_EXPORT_ADAPTER_UNKNOWN"),
    ],
)
async def test_a_faulty_spec_is_refused(house: House, tenant: str, spec: dict[str, Any], code: str) -> None:
    with refused(code):
        await house.client(tenant).create_profile(**spec)


async def test_a_deleted_profile_leaves_its_revisions_and_runs(house: House, tenant: str) -> None:
    client = house.client(tenant)
    created = await client.create_profile()
    run = await client.start()
    request = profiles_pb2.DeleteProfileRequest(name=created.name, etag=created.etag)
    await client.profiles.DeleteProfile(request, metadata=client.metadata)
    with refused("ERR_EXPORT_PROFILE_NOT_FOUND"):
        await get(client)
    assert len(await revisions(client)) == 1
    assert (await client.get(run.name)).profile == created.name


async def test_a_profile_of_the_same_name_is_another_one(house: House, tenant: str) -> None:
    client = house.client(tenant)
    first = await client.create_profile(compression_level=9)
    await client.profiles.DeleteProfile(
        profiles_pb2.DeleteProfileRequest(name=first.name), metadata=client.metadata
    )
    second = await client.create_profile()
    assert (second.revision, second.uid == first.uid, second.etag == first.etag) == ("r1", False, False)
    assert [found.snapshot.compression_level for found in await revisions(client)] == [0]


async def test_lists_go_page_by_page_in_order_of_name(house: House, tenant: str) -> None:
    client = house.client(tenant)
    names = [f"profile-{number}" for number in range(5)]
    for name in reversed(names):
        await client.create_profile(name)
    found: list[str] = []
    request = profiles_pb2.ListProfilesRequest(page_size=2, kind="test")
    while True:
        page = await client.profiles.ListProfiles(request, metadata=client.metadata)
        found += [profile.name.rpartition("/")[2] for profile in page.profiles]
        if not page.next_page_token:
            break
        request.page_token = page.next_page_token
    assert found == names


async def test_a_page_token_is_good_for_its_filter_alone(house: House, tenant: str) -> None:
    client = house.client(tenant)
    for number in range(2):
        await client.create_profile(f"profile-{number}")
    request = profiles_pb2.ListProfilesRequest(page_size=1)
    page = await client.profiles.ListProfiles(request, metadata=client.metadata)
    with refused("ERR_EXPORT_PAGE_TOKEN"):
        await client.profiles.ListProfiles(
            profiles_pb2.ListProfilesRequest(page_token=page.next_page_token, kind="test"),
            metadata=client.metadata,
        )
