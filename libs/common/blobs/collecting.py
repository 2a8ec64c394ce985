"""Lists and removes what a store holds of one area: what collection needs, and nobody else."""

from __future__ import annotations

import asyncio
import contextlib
import re
from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TypeVar

import obstore
from obstore.exceptions import AlreadyExistsError, NotFoundError

from libs.common.blobs.store import BLOBS, NOTES, USES, Blobs, answering
from libs.common.errors import AreaTaken
from libs.common.names import TENANT

SHARDS = 256  # folders in which the blobs of a tenant lie, by the first two digits of their digests
LISTED_AT_ONCE = 1000  # what a bucket gives in one answer
MAX_OWNER_BYTES = 64  # an installation is a UUID; more of what stands in its place says nothing
CALLS_AT_ONCE = 32  # a bucket answers that many beside each other; a folder needs no more

Item = TypeVar("Item")
Answer = TypeVar("Answer")

_TWO_DIGITS = re.compile(r"[0-9a-f]{2}")
_REST = re.compile(r"[0-9a-f]{62}")


@dataclass(frozen=True, slots=True)
class Found:
    """Something in the store: where it is, its digest (32 bytes; empty for remains of a write), size, age."""

    key: str
    digest: bytes
    size: int
    modified: datetime


class Area:
    """One service's area of a store, tenant by tenant."""

    def __init__(self, blobs: Blobs) -> None:
        """Take the store."""
        self._blobs = blobs
        self._store = blobs.store

    async def tenants(self) -> list[str]:
        """Return the tenants that have anything here, in order."""
        with answering():
            listed = await obstore.list_with_delimiter_async(self._store, self._blobs.area)
        names = (prefix.rstrip("/").rpartition("/")[2] for prefix in listed["common_prefixes"])
        return sorted(name for name in names if TENANT.fullmatch(name))

    async def claim(self, installation: str) -> None:
        """Say once for all whose area this is; raise `AreaTaken` where it is another installation's.

        What one database does not name may be named by another one, so nothing may be removed for two.
        """
        key = f"{self._blobs.area}/_owner"  # no tenant has such a name
        with answering():
            with contextlib.suppress(AlreadyExistsError, FileExistsError):
                await obstore.put_async(self._store, key, installation.encode("ascii"), mode="create")
                return
            found = await obstore.get_async(self._store, key)
            owner = bytes(await found.bytes_async())[:MAX_OWNER_BYTES].decode("ascii", "replace")
            if not owner:  # a power cut has taken what was written
                await obstore.put_async(self._store, key, installation.encode("ascii"))
                return
        if owner != installation:
            raise AreaTaken(area=self._blobs.area, owner=owner, installation=installation)

    async def now(self) -> datetime:
        """Return the present time of the store's own clock, by which everything in it is dated."""
        key = f"{self._blobs.area}/_clock"
        with answering():
            await obstore.put_async(self._store, key, b"")
            return (await obstore.head_async(self._store, key))["last_modified"]

    async def blobs(self, tenant: str, shards: range) -> AsyncGenerator[Sequence[Found], None]:
        """Yield the blobs of some shards, and the remains of writes beside them, some at a time."""
        async for some in self._list(tenant, BLOBS, shards):
            yield some

    async def notes(self, tenant: str) -> AsyncGenerator[Sequence[Found], None]:
        """Yield the notes."""
        async for some in self._list(tenant, NOTES, range(SHARDS)):
            yield some

    async def uses(self, tenant: str, shards: range) -> AsyncGenerator[Sequence[Found], None]:
        """Yield what was written down of uses of blobs; a directory has none of it."""
        async for some in self._list(tenant, USES, shards):
            yield some

    async def _list(self, tenant: str, folder: str, shards: range) -> AsyncGenerator[Sequence[Found], None]:
        whole = f"{self._blobs.area}/{tenant}/{folder}"
        every = [whole] if len(shards) == SHARDS else [f"{whole}/{shard:02x}" for shard in shards]
        for prefix in every:
            listing = obstore.list(self._store, prefix, chunk_size=LISTED_AT_ONCE)
            with answering():
                async for chunk in listing:
                    yield [
                        Found(meta["path"], _digest(meta["path"]), meta["size"], meta["last_modified"])
                        for meta in chunk
                    ]

    async def last_use(self, tenant: str, digest: bytes) -> datetime | None:
        """Return when a blob was stored or last used, or None where it is not there."""
        modified = await self._modified(self._key(tenant, BLOBS, digest))
        if modified is None:
            return None
        used = await self._modified(self._key(tenant, USES, digest))
        return modified if used is None else max(modified, used)

    async def last_uses(self, tenant: str, digests: Sequence[bytes]) -> list[datetime | None]:
        """Return the same for many, in order."""

        async def ask(digest: bytes) -> datetime | None:
            return await self.last_use(tenant, digest)

        return await ask_all(ask, digests)

    async def modified(self, keys: Sequence[str]) -> list[datetime | None]:
        """Return when each was written, as the store says now; None where it is not there."""
        return await ask_all(self._modified, keys)

    async def _modified(self, key: str) -> datetime | None:
        with answering(), contextlib.suppress(NotFoundError, FileNotFoundError):
            return (await obstore.head_async(self._store, key))["last_modified"]
        return None

    async def remove(self, keys: Sequence[str]) -> None:
        """Remove what is listed; what is not there is fine.

        A removal that has begun cannot be called back. So this ends, also when it fails or is cancelled, only
        when every one has: whoever holds a lock for it may let go then.
        """
        removal = asyncio.ensure_future(ask_all(self._remove, keys))
        try:
            await asyncio.shield(removal)
        except asyncio.CancelledError:
            await asyncio.wait([removal])
            raise

    async def _remove(self, key: str) -> None:
        with answering(), contextlib.suppress(NotFoundError, FileNotFoundError):
            await obstore.delete_async(self._store, key)

    def _key(self, tenant: str, folder: str, digest: bytes) -> str:
        digits = digest.hex()
        return f"{self._blobs.area}/{tenant}/{folder}/{digits[:2]}/{digits[2:]}"


def _digest(key: str) -> bytes:
    """Return the digest that a key names, or nothing where it is the name that a write has before its end."""
    shard, _, rest = key.rpartition("/")
    two = shard[-2:]
    return bytes.fromhex(two + rest) if _TWO_DIGITS.fullmatch(two) and _REST.fullmatch(rest) else b""


async def ask_all(ask: Callable[[Item], Awaitable[Answer]], items: Sequence[Item]) -> list[Answer]:
    """Return the store's answers for all items, in order; some calls at a time, and none is left behind."""
    answers: list[Answer] = []
    for start in range(0, len(items), CALLS_AT_ONCE):
        some = await asyncio.gather(*map(ask, items[start : start + CALLS_AT_ONCE]), return_exceptions=True)
        for answer in some:
            if isinstance(answer, BaseException):
                raise answer
            answers.append(answer)
    return answers
