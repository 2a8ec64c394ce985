"""Creates, changes and deletes profiles: one transaction for each, answered once for each request id."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from libs.common import ids
from libs.common.clock import Clock
from libs.common.db.engine import Database
from libs.common.errors import AlreadyExists, EtagMismatch, InvalidField
from services.planner.missing import no_profile
from services.planner.profiles.revisions import FIRST_REVISION, Profile, changed, revision_of
from services.planner.profiles.rules import faults
from services.planner.profiles.spec import ProfileSpec
from services.planner.request import Request
from services.planner.sources.adapters import AdapterHost
from services.planner.sources.call import Call
from services.planner.store import profiles, requests
from services.planner.store.connection import Connection

SPEC_FIELD = "profile."  # where a spec stands in the requests that carry one


@dataclass(frozen=True, slots=True)
class Draft:
    """What somebody wants a profile to be."""

    display_name: str
    spec: ProfileSpec


class Editing:
    """What clients may do to profiles."""

    def __init__(
        self, database: Database, adapters: AdapterHost, clock: Clock, drivers: frozenset[str]
    ) -> None:
        self._database = database
        self._adapters = adapters
        self._clock = clock
        self._drivers = drivers

    async def create(
        self, call: Call, actor: str, profile_id: str, draft: Draft, request: Request, *, dry: bool
    ) -> Profile:
        """Create a profile at its first revision; with `dry` only say what it would be."""
        tenant = call.tenant
        async with self._database.tenant(tenant) as connection:
            if await requests.answered(connection, tenant, request) is not None:
                return await _existing(connection, tenant, profile_id)
        await self._validate(call, draft.spec)
        now = self._clock()
        new = Profile(
            ids.new_uid(),
            profile_id,
            draft.display_name,
            draft.spec.normalised(),
            FIRST_REVISION,
            1,
            now,
            now,
        )
        async with self._database.tenant(tenant) as connection:
            if dry:
                if await profiles.find(connection, tenant, profile_id) is not None:
                    raise AlreadyExists(resource="profile", name=profile_id)
                return new
            if not await requests.claim(connection, tenant, request, profile_id):
                await requests.answered(connection, tenant, request)
                return await _existing(connection, tenant, profile_id)
            if not await profiles.add(connection, tenant, new, revision_of(new, actor)):
                raise AlreadyExists(resource="profile", name=profile_id)
        return new

    async def update(
        self,
        call: Call,
        actor: str,
        profile_id: str,
        etag: str,
        edit: Callable[[Profile], Draft],
        request: Request,
        *,
        dry: bool,
    ) -> Profile:
        """Change a profile to what `edit` makes of it; with `dry` only say what it would be."""
        tenant = call.tenant
        async with self._database.tenant(tenant) as connection:
            if await requests.answered(connection, tenant, request) is not None:
                return await _existing(connection, tenant, profile_id)
            seen = await _existing(connection, tenant, profile_id)
        _check_etag(seen, etag)
        draft = edit(seen)
        await self._validate(call, draft.spec)
        async with self._database.tenant(tenant) as connection:
            if not dry and not await requests.claim(connection, tenant, request, profile_id):
                await requests.answered(connection, tenant, request)
                return await _existing(connection, tenant, profile_id)
            held = await _existing(connection, tenant, profile_id, lock=True)
            if held.etag != seen.etag:
                raise EtagMismatch(resource="Profile", name=profile_id)
            new = changed(held, draft.display_name, draft.spec.normalised(), self._clock())
            if new != held and not dry:
                revision = revision_of(new, actor) if new.revision != held.revision else None
                await profiles.save(connection, tenant, new, revision)
        return new

    async def delete(self, tenant: str, profile_id: str, etag: str) -> None:
        """Delete a profile; its revisions, runs and bundles stay."""
        async with self._database.tenant(tenant) as connection:
            held = await _existing(connection, tenant, profile_id, lock=True)
            _check_etag(held, etag)
            await profiles.delete(connection, tenant, held.uid)

    async def _validate(self, call: Call, spec: ProfileSpec) -> None:
        for fault in faults(spec, self._drivers):
            raise InvalidField(field=SPEC_FIELD + fault.field, reason=fault.reason)
        answer = await self._adapters.validate(call, spec)
        for fault in answer.faults:
            raise InvalidField(field=SPEC_FIELD + fault.field, reason=fault.reason)


async def _existing(connection: Connection, tenant: str, profile_id: str, *, lock: bool = False) -> Profile:
    found = await profiles.find(connection, tenant, profile_id, lock=lock)
    if found is None:
        raise no_profile(profile_id)
    return found


def _check_etag(profile: Profile, etag: str) -> None:
    if etag and etag != profile.etag:
        raise EtagMismatch(resource="Profile", name=profile.id)
