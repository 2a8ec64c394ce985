"""Serves ProfileService: every call is one use case and its answer as messages."""

# ruff: noqa: ARG002, N802 - names and arguments of the methods are those of the contract

from __future__ import annotations

from google.protobuf.empty_pb2 import Empty
from stellaops.export.v1 import profiles_pb2
from stellaops.export.v1.profiles_pb2_grpc import ProfileServiceServicer

from libs.common.db.engine import Database
from libs.common.errors import NotFound
from libs.common.names import PROFILE, REVISION, last_id, parse
from libs.common.rpc.identity import current_caller
from services.planner.api.asking import Context, call_for
from services.planner.api.pages import page_of, position_in, size_of
from services.planner.editing import Editing
from services.planner.missing import no_profile
from services.planner.store import profiles
from services.planner.store.profiles import Filter
from services.planner.wire.drafts import check_mask, edited, new_draft
from services.planner.wire.profiles import profile_message, revision_message
from services.planner.wire.requests import read_request, require_parent, require_plain


class Profiles(ProfileServiceServicer):
    """A tenant's profiles."""

    def __init__(self, database: Database, editing: Editing) -> None:
        self._database = database
        self._editing = editing

    async def CreateProfile(
        self, request: profiles_pb2.CreateProfileRequest, context: Context
    ) -> profiles_pb2.Profile:
        """Create a profile."""
        caller = current_caller()
        require_parent(request.parent, caller.tenant)
        created = await self._editing.create(
            call_for(context),
            caller.subject,
            request.profile_id,
            new_draft(request.profile),
            read_request(request, request.request_id),
            dry=request.validate_only,
        )
        return profile_message(caller.tenant, created)

    async def GetProfile(
        self, request: profiles_pb2.GetProfileRequest, context: Context
    ) -> profiles_pb2.Profile:
        """Return a profile."""
        tenant = current_caller().tenant
        profile = last_id("name", request.name, tenant, "profiles")
        async with self._database.tenant(tenant) as connection:
            found = await profiles.find(connection, tenant, profile)
        if found is None:
            raise no_profile(profile)
        return profile_message(tenant, found)

    async def ListProfiles(
        self, request: profiles_pb2.ListProfilesRequest, context: Context
    ) -> profiles_pb2.ListProfilesResponse:
        """Return a page of profiles in order of name."""
        tenant = current_caller().tenant
        require_parent(request.parent, tenant)
        chosen = Filter(require_plain("kind", request.kind), require_plain("variant", request.variant))
        scope = ("profiles", tenant, chosen.kind, chosen.variant)
        after = position_in(scope, request.page_token, PROFILE)
        size = size_of(request.page_size)
        async with self._database.tenant(tenant) as connection:
            found = await profiles.page(connection, tenant, chosen, after, size + 1)
        shown, token = page_of(scope, [profile_message(tenant, profile) for profile in found], size)
        return profiles_pb2.ListProfilesResponse(profiles=shown, next_page_token=token)

    async def UpdateProfile(
        self, request: profiles_pb2.UpdateProfileRequest, context: Context
    ) -> profiles_pb2.Profile:
        """Change a profile."""
        caller = current_caller()
        check_mask(request.update_mask)
        changed = await self._editing.update(
            call_for(context),
            caller.subject,
            last_id("profile.name", request.profile.name, caller.tenant, "profiles"),
            request.profile.etag,
            lambda profile: edited(request.profile, request.update_mask, profile),
            read_request(request, request.request_id),
            dry=request.validate_only,
        )
        return profile_message(caller.tenant, changed)

    async def DeleteProfile(self, request: profiles_pb2.DeleteProfileRequest, context: Context) -> Empty:
        """Delete a profile."""
        tenant = current_caller().tenant
        profile = last_id("name", request.name, tenant, "profiles")
        await self._editing.delete(tenant, profile, request.etag)
        return Empty()

    async def GetProfileRevision(
        self, request: profiles_pb2.GetProfileRevisionRequest, context: Context
    ) -> profiles_pb2.ProfileRevision:
        """Return a revision."""
        caller = current_caller()
        tenant, profile, revision = parse("name", request.name, "tenants", "profiles", "revisions")
        number = _number(revision)
        async with self._database.tenant(caller.tenant) as connection:
            own = profile if tenant == caller.tenant else ""
            found = await profiles.revisions(connection, caller.tenant, own, number + 1, 1)
        if found is None:
            raise no_profile(profile)
        if not found or found[0].number != number:
            raise NotFound(resource="profile revision", name=revision)
        return revision_message(caller.tenant, profile, found[0])

    async def ListProfileRevisions(
        self, request: profiles_pb2.ListProfileRevisionsRequest, context: Context
    ) -> profiles_pb2.ListProfileRevisionsResponse:
        """Return a page of revisions, newest first."""
        tenant = current_caller().tenant
        profile = last_id("parent", request.parent, tenant, "profiles")
        scope = ("revisions", tenant, profile)
        before = position_in(scope, request.page_token, REVISION)
        size = size_of(request.page_size)
        async with self._database.tenant(tenant) as connection:
            found = await profiles.revisions(
                connection, tenant, profile, _number(before) if before else None, size + 1
            )
        if found is None:
            raise no_profile(profile)
        messages = [revision_message(tenant, profile, revision) for revision in found]
        shown, token = page_of(scope, messages, size)
        return profiles_pb2.ListProfileRevisionsResponse(revisions=shown, next_page_token=token)


def _number(revision: str) -> int:
    return int(revision.removeprefix("r"))
