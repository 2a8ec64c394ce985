"""Two tenants see nothing of each other over gRPC."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

import grpc
import pytest
from stellaops.export.v1 import profiles_pb2, runs_pb2

from libs.common.rpc.status import error_info
from tests.kit.planner import Client, House, refused

OURS, THEIRS = "acme", "beta"

Call = Callable[[Client, str, str], Awaitable[Any]]


def calls() -> dict[str, Call]:
    """Return every call that names a profile or a run, by what it does."""
    return {
        "get profile": lambda c, profile, _: c.profiles.GetProfile(
            profiles_pb2.GetProfileRequest(name=profile), metadata=c.metadata
        ),
        "update profile": lambda c, profile, _: c.profiles.UpdateProfile(
            profiles_pb2.UpdateProfileRequest(
                profile=profiles_pb2.Profile(
                    name=profile, spec=profiles_pb2.ProfileSpec(kind="test", variant="plain")
                )
            ),
            metadata=c.metadata,
        ),
        "delete profile": lambda c, profile, _: c.profiles.DeleteProfile(
            profiles_pb2.DeleteProfileRequest(name=profile), metadata=c.metadata
        ),
        "get revision": lambda c, profile, _: c.profiles.GetProfileRevision(
            profiles_pb2.GetProfileRevisionRequest(name=f"{profile}/revisions/r1"), metadata=c.metadata
        ),
        "list revisions": lambda c, profile, _: c.profiles.ListProfileRevisions(
            profiles_pb2.ListProfileRevisionsRequest(parent=profile), metadata=c.metadata
        ),
        "start run": lambda c, profile, _: c.start(profile),
        "plan run": lambda c, profile, _: c.runs.PlanRun(
            runs_pb2.PlanRunRequest(run=runs_pb2.Run(profile=profile)), metadata=c.metadata
        ),
        "get run": lambda c, _, run: c.get(run),
        "watch run": lambda c, _, run: c.watch(run),
        "cancel run": lambda c, _, run: c.cancel(run),
        "retry run": lambda c, _, run: c.retry(run),
    }


async def answer(call: Awaitable[Any]) -> tuple[str, str]:
    """Return code and message with which a call is refused."""
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await call
    found = error_info(caught.value)
    assert found is not None
    return found.reason, str(caught.value.details())


@pytest.mark.parametrize("what", calls())
async def test_what_another_tenant_has_reads_like_what_never_was(house: House, what: str) -> None:
    ours, theirs = house.client(OURS), house.client(THEIRS)
    profile = f"mine-{what.replace(' ', '-')}"
    await ours.create_profile(profile)
    run = (await ours.start(profile)).name
    run_id = run.rpartition("/")[2]
    call = calls()[what]
    expected = await answer(
        call(theirs, f"tenants/{THEIRS}/profiles/{profile}", f"tenants/{THEIRS}/runs/{run_id}")
    )
    found = await answer(call(theirs, f"tenants/{OURS}/profiles/{profile}", run))
    assert found == expected
    assert found[0] in ("ERR_EXPORT_PROFILE_NOT_FOUND", "ERR_EXPORT_RUN_NOT_FOUND")


async def test_lists_hold_what_is_one_s_own(house: House) -> None:
    ours, theirs = house.client("lists-a"), house.client("lists-b")
    await ours.create_profile()
    await ours.start()
    profiles = await theirs.profiles.ListProfiles(
        profiles_pb2.ListProfilesRequest(), metadata=theirs.metadata
    )
    runs = await theirs.runs.ListRuns(runs_pb2.ListRunsRequest(), metadata=theirs.metadata)
    assert (len(profiles.profiles), len(runs.runs)) == (0, 0)


async def test_another_tenant_s_lists_are_denied(house: House) -> None:
    theirs = house.client("lists-b")
    with refused("ERR_EXPORT_TENANT"):
        await theirs.runs.ListRuns(
            runs_pb2.ListRunsRequest(parent="tenants/lists-a"), metadata=theirs.metadata
        )


async def test_a_tenant_that_the_token_does_not_name_is_denied(house: House) -> None:
    theirs = house.client("lists-b")
    metadata = (*theirs.metadata, ("x-stella-tenant", "lists-a"))
    with refused("ERR_EXPORT_TENANT"):
        await theirs.runs.ListRuns(runs_pb2.ListRunsRequest(), metadata=metadata)
