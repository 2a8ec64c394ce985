"""Collects one tenant's blobs: marks what roots name, removes what nothing named or used for long.

It may die anywhere: it removes one blob after another of which none is needed, and the next one begins anew.
Why no delivery ever relies on what goes: docs/adr/0014-collection.md.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from libs.common.blobs.collecting import SHARDS, Area, Found
from libs.common.blobs.store import Blobs
from libs.common.db.engine import Database
from libs.common.errors import Unavailable
from libs.common.points import reached
from services.distributor.collect.marks import named_by
from services.distributor.collect.rules import MOST_MARKED, Fate, Marks, fate
from services.distributor.store import installation, roots
from services.distributor.store.roots import Root

# As many as are removed while no delivery may begin: milliseconds in a directory, a second in a bucket.
BATCH = 200
# A store that takes longer keeps deliveries waiting: the rest of the batch is left to the next collection.
BATCH_SECONDS = 10.0
MOST_DIGESTS = 1000  # told of what went

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Wish:
    """How to collect."""

    grace: timedelta
    note_life: timedelta
    is_trial: bool = False
    most_seconds: float = float("inf")


@dataclass(slots=True)
class Tally:
    """What a collection did, or a trial would do."""

    examined: int = 0
    live: int = 0
    young: int = 0
    collected: int = 0
    collected_bytes: int = 0
    notes: int = 0
    remains: int = 0
    complete: bool = False
    digests: list[str] = field(default_factory=list)


class Collector:
    """One collection of a tenant at a time, in all processes."""

    def __init__(
        self, database: Database, blobs: Blobs, area: Area, *, most_marked: int = MOST_MARKED
    ) -> None:
        """Take database and store; of digests, up to `most_marked` are held at once."""
        self._database = database
        self._blobs = blobs
        self._area = area
        self._most_marked = most_marked

    async def tenants(self) -> list[str]:
        """Return whose blobs there are."""
        return await self._area.tenants()

    async def collect(self, tenant: str, wish: Wish) -> Tally | None:
        """Collect, or say what would go; None where another process is at it.

        Raises `AreaTaken` where the blobs are those of another installation.
        """
        async with self._database.tenant(tenant) as held:
            if not await roots.try_to_collect(held, tenant):
                return None
            await self._area.claim(await installation.name(held))
            collection = _Collection(self._database, self._blobs, self._area, tenant, wish)
            return await collection.run(self._most_marked)


class _Collection:
    """One collection of one tenant."""

    def __init__(self, database: Database, blobs: Blobs, area: Area, tenant: str, wish: Wish) -> None:
        self._database = database
        self._blobs = blobs
        self._area = area
        self._tenant = tenant
        self._wish = wish
        self._end = time.monotonic() + wish.most_seconds
        self._tally = Tally()

    async def run(self, most_marked: int) -> Tally:
        """Collect, as many shards at a time as can be marked at once."""
        # By the clock of the store, which dates everything in it; and before the roots are read.
        now = await self._area.now()
        self._cutoff = now - self._wish.grace
        shards = range(SHARDS)
        while shards and not self._is_late():
            shards = range((await self._turn(Marks(shards, most_marked))).stop, SHARDS)
        if not shards:
            await self._collect_notes(now - self._wish.note_life)
            self._tally.complete = not self._is_late()
        return self._tally

    def _is_late(self) -> bool:
        return time.monotonic() > self._end

    async def _turn(self, marks: Marks) -> range:
        """Collect the first of the shards, as many as can be marked at once; return which those were."""
        self._known: set[Root] = set()
        self._unread: set[Root] = set()
        self._marks = marks
        await self._mark(await self._new_roots())
        shards = marks.shards
        used = await self._uses(shards)
        async with contextlib.aclosing(self._area.blobs(self._tenant, shards)) as listed:
            async for some in listed:
                if self._is_late():
                    break
                await self._sweep(some, used)
        return marks.shards

    async def _new_roots(self) -> set[Root]:
        async with self._database.tenant(self._tenant) as connection:
            return await roots.all_of(connection, self._tenant, self._wish.grace) - self._known

    async def _mark(self, found: set[Root]) -> None:
        """Mark what roots name; of one that cannot be read it is not known: its layout may be put back."""
        async with contextlib.aclosing(named_by(self._blobs, self._tenant, found)) as named:
            async for one in named:
                self._marks.add(one.digests)
                if one.fault is None:
                    self._known.add(one.root)
                elif one.root not in self._unread:
                    self._unread.add(one.root)
                    fields = {"tenant": self._tenant, "layout": one.root.layout, "error": str(one.fault)}
                    _log.warning("layout of a delivery cannot be read", extra={"fields": fields})

    async def _uses(self, shards: range) -> Mapping[bytes, datetime]:
        """Return when blobs were used last, of those used within the grace period; forget older uses."""
        used: dict[bytes, datetime] = {}
        async with contextlib.aclosing(self._area.uses(self._tenant, shards)) as listed:
            async for some in listed:
                used.update({one.digest: one.modified for one in some if one.modified > self._cutoff})
                if not self._wish.is_trial:
                    await self._forget_uses([one for one in some if one.digest and self._is_garbage(one, {})])
        return used

    async def _forget_uses(self, old: Sequence[Found]) -> None:
        """Remove uses that still are old: one that was written again since it was listed keeps its blob."""
        modified = await self._area.modified([one.key for one in old])
        looked_at = zip(old, modified, strict=True)
        await self._area.remove(
            [one.key for one, moment in looked_at if moment is not None and moment <= self._cutoff]
        )

    async def _sweep(self, some: Sequence[Found], used: Mapping[bytes, datetime]) -> None:
        fates = Counter(fate(one, self._marks, used, self._cutoff) for one in some if one.digest)
        self._tally.examined += fates[Fate.LIVE] + fates[Fate.YOUNG] + fates[Fate.GARBAGE]
        self._tally.live += fates[Fate.LIVE]
        self._tally.young += fates[Fate.YOUNG]
        remains = [one.key for one in some if not one.digest and one.modified <= self._cutoff]
        self._tally.remains += len(remains)
        if not self._wish.is_trial:
            await self._area.remove(remains)
        garbage = [one for one in some if one.digest and self._is_garbage(one, used)]
        for start in range(0, len(garbage), BATCH):
            await self._remove(garbage[start : start + BATCH])

    def _is_garbage(self, found: Found, used: Mapping[bytes, datetime]) -> bool:
        return fate(found, self._marks, used, self._cutoff) is Fate.GARBAGE

    async def _remove(self, batch: Sequence[Found]) -> None:
        """Remove what still is garbage, while no delivery may begin; those that began before are asked."""
        if self._wish.is_trial:
            self._count(batch)
            return
        while True:
            await self._mark(await self._new_roots())
            async with self._database.tenant(self._tenant) as connection:
                await roots.own(connection, self._tenant)
                new = await roots.all_of(connection, self._tenant, self._wish.grace) - self._known
                if new - self._unread:
                    continue
                # Layouts that could not be read may be back. A delivery reads its own under the same lock,
                # so what it reads from now on is either marked here, or found by it to be gone.
                await self._mark(new)
                self._count(await self._remove_unused(batch))
                return

    async def _remove_unused(self, batch: Sequence[Found]) -> Sequence[Found]:
        try:
            async with asyncio.timeout(BATCH_SECONDS):
                last = await self._area.last_uses(self._tenant, [one.digest for one in batch])
        except TimeoutError as error:
            raise Unavailable(
                dependency="the blob store", reason=f"it took longer than {BATCH_SECONDS:g} seconds to answer"
            ) from error
        used = {one.digest: moment for one, moment in zip(batch, last, strict=True) if moment is not None}
        doomed = [one for one in batch if one.digest in used and self._is_garbage(one, used)]
        await self._area.remove([one.key for one in doomed])
        reached("distributor.blobs_removed")
        return doomed

    def _count(self, gone: Sequence[Found]) -> None:
        self._tally.collected += len(gone)
        self._tally.collected_bytes += sum(one.size for one in gone)
        room = max(0, MOST_DIGESTS - len(self._tally.digests))
        self._tally.digests += [f"sha256:{one.digest.hex()}" for one in gone[:room]]

    async def _collect_notes(self, cutoff: datetime) -> None:
        """Remove notes that nobody read for long; one that is needed again is made again."""
        async with contextlib.aclosing(self._area.notes(self._tenant)) as listed:
            async for some in listed:
                old = [one.key for one in some if one.modified <= cutoff]
                self._tally.notes += len(old)
                if not self._wish.is_trial:
                    await self._area.remove(old)
