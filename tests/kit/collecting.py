"""What tests of collection share: a store whose clock can be set, blobs that look old, what is there."""

from __future__ import annotations

import os
from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from contextlib import aclosing
from datetime import datetime, timedelta

from stellaops.export.work.v1.work_pb2 import BundleLayout

from libs.common import clock
from libs.common.blobs.collecting import SHARDS, Area, Found
from libs.common.blobs.store import Blobs


class Ahead:
    """A clock that goes ahead of the real one by what is set."""

    def __init__(self) -> None:
        self.by = timedelta(0)

    def __call__(self) -> datetime:
        return clock.now() + self.by


class AreaAt(Area):
    """An area whose store's clock says what a test wants."""

    def __init__(self, blobs: Blobs, moment: datetime) -> None:
        super().__init__(blobs)
        self._moment = moment

    async def now(self) -> datetime:
        return self._moment


class AreaInUse(AreaAt):
    """An area in which something is done whenever uses have been listed."""

    def __init__(self, blobs: Blobs, moment: datetime, then: Callable[[], Awaitable[object]]) -> None:
        super().__init__(blobs, moment)
        self._then = then

    async def uses(self, tenant: str, shards: range) -> AsyncGenerator[Sequence[Found], None]:
        async with aclosing(super().uses(tenant, shards)) as listed:
            async for some in listed:
                await self._then()
                yield some


class Died(BaseException):
    """The process is gone: nothing in it gets to say anything more."""


class DyingArea(Area):
    """An area whose user dies at the call of this number; `calls` says how many there were."""

    def __init__(self, blobs: Blobs, at: int) -> None:
        super().__init__(blobs)
        self.calls = 0
        self._at = at

    def _call(self) -> None:
        self.calls += 1
        if self.calls == self._at:
            raise Died

    async def now(self) -> datetime:
        self._call()
        return await super().now()

    async def _list(self, tenant: str, folder: str, shards: range) -> AsyncGenerator[Sequence[Found], None]:
        async with aclosing(super()._list(tenant, folder, shards)) as listed:
            async for some in listed:
                self._call()
                yield some

    async def last_use(self, tenant: str, digest: bytes) -> datetime | None:
        self._call()
        return await super().last_use(tenant, digest)

    async def _remove(self, key: str) -> None:
        self._call()
        await super()._remove(key)
        self._call()


def age(blobs: Blobs, tenant: str, digest: str, by: timedelta) -> None:
    """Make a blob in a folder look as if it was stored so long ago."""
    path = blobs.local_path(tenant, digest)
    assert path is not None
    moment = path.stat().st_mtime - by.total_seconds()
    os.utime(path, (moment, moment))


async def age_all(blobs: Blobs, tenant: str, by: timedelta) -> None:
    """Make every blob of a tenant look so old."""
    for digest in await there(blobs, tenant):
        age(blobs, tenant, digest, by)


async def there(blobs: Blobs, tenant: str) -> set[str]:
    """Return the digests of the blobs that a tenant has."""
    found: set[str] = set()
    async with aclosing(Area(blobs).blobs(tenant, range(SHARDS))) as listed:
        async for some in listed:
            found |= {f"sha256:{one.digest.hex()}" for one in some if one.digest}
    return found


def needed(layout: str, message: BundleLayout) -> set[str]:
    """Return the digests of all that a bundle consists of."""
    return {layout, *(piece.digest for file in message.files for piece in file.pieces)}
