"""Holds the key that signs: makes the first one, rotates, revokes, and opens private keys.

Invariant: changes happen one at a time in the whole database, whichever signer is asked.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from libs.common.errors import InvalidField, KeyUnusable
from services.signer import rotation
from services.signer.keys import KeyState, KeyVersion, NewKey
from services.signer.providers.base import KeyProvider, SigningKey
from services.signer.store.keys import KeyChange, KeyStore


class Keyring:
    """The keys of this installation; one private key is open at a time."""

    def __init__(self, store: KeyStore, provider: KeyProvider) -> None:
        self._store = store
        self._provider = provider
        self._opened: SigningKey | None = None
        self._opening = asyncio.Lock()

    async def ensure(self) -> KeyVersion:
        """Return the version that signs; where there is none, make one, and only one."""
        async with self._store.change(None) as change:
            return rotation.active(await change.versions()) or await self._next(change, None)

    async def rotate(self, tenant: str, request_id: str) -> KeyVersion:
        """Let a new version sign and retire the present one; the same request of a tenant does so once."""
        request = f"{tenant}/{request_id}" if request_id else None
        async with self._store.change(tenant) as change:
            made = None if request is None else await change.made_by(request)
            if made is not None:
                return next(one for one in await change.versions() if one.version == made)
            return await self._next(change, request)

    async def revoke(self, hint: str) -> KeyVersion:
        """Let what the key makes from now on count for nothing; after an active one, a new one signs."""
        async with self._store.change(None) as change:
            found = next((one for one in await change.versions() if one.key.hint == hint), None)
            if found is None:
                raise InvalidField(field="hint", reason=f"no key version has `{hint[:80]}`; list them")
            if found.state is KeyState.REVOKED:
                return found
            revoked = rotation.revoke(found, await change.moment())
            await change.end(revoked)
            if found.state is KeyState.ACTIVE:
                await self._next(change, None)
            return revoked

    async def versions(self, tenant: str) -> tuple[KeyVersion, ...]:
        """Return all versions, newest first."""
        return await self._store.versions(tenant)

    async def active(self, tenant: str) -> KeyVersion:
        """Return the version that signs."""
        found = rotation.active(await self._store.versions(tenant))
        if found is None:
            raise KeyUnusable(key="(none)", reason="no key is active; start the signer again, it makes one")
        return found

    async def open(self, version: KeyVersion) -> SigningKey:
        """Return the private key of a version, which stays open until another is wanted."""
        async with self._opening:
            if self._opened is None or self._opened.public.hint != version.key.hint:
                self._opened = await asyncio.to_thread(self._open, version)
            return self._opened

    def _open(self, version: KeyVersion) -> SigningKey:
        key = self._provider.open(version.key.reference)
        if key.public.hint != version.key.hint:
            reason = f"it is not the key that version {version.version} was; put that one back, or rotate"
            raise KeyUnusable(key=version.key.reference, reason=reason)
        return key

    async def _next(self, change: KeyChange, request: str | None) -> KeyVersion:
        """Add the next version and retire the active one."""
        known = await change.versions()
        key = await asyncio.to_thread(self._candidate, known)
        new = NewKey(key.public.hint, key.public.algorithm, key.public.pem.decode("ascii"), key.reference)
        step = rotation.rotate(known, new, await change.moment())
        if step.retired is not None:
            await change.end(step.retired)
        await change.add(step.added, request)
        return step.added

    def _candidate(self, known: Sequence[KeyVersion]) -> SigningKey:
        """Return a key that lies with the provider and never was used here, else a new one.

        So an existing key is taken over by laying it there, and one made just before a crash is used.
        """
        hints = {version.key.hint for version in known}
        for reference in rotation.unused(self._provider.offered(), known):
            key = self._provider.open(reference)
            if key.public.hint not in hints:
                return key
        return self._provider.create()
