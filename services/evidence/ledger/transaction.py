"""One change of a tenant's ledger: apart from all others, in one transaction, all of it or nothing."""

from __future__ import annotations

import asyncio
import contextlib
from collections import defaultdict
from collections.abc import AsyncIterator, Callable, Iterable, Iterator, Sequence
from concurrent.futures import Executor, Future
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy.ext.asyncio import AsyncConnection

from libs.common.blobs.store import Blobs
from libs.common.clock import Clock
from libs.common.db.engine import Database
from libs.common.errors import Unavailable
from libs.common.segments.merge import Change, Tally
from services.evidence.ledger.changes import noted
from services.evidence.ledger.digests import version_of
from services.evidence.ledger.frames import Framed
from services.evidence.ledger.library import Library
from services.evidence.ledger.merging import Merged, Merger
from services.evidence.store import datasets, locks, segments, tombstones
from services.evidence.threads import Bridge
from services.evidence.values import DatasetName, DatasetVersion, Segment

TURN_SECONDS = 600.0  # the largest imports take minutes; who waits longer had better come back
POLL_SECONDS = 0.2
NOTE_KEYS = 1000  # keys in one statement

Changes = Callable[[Library, Sequence[Segment]], Iterable[Change]]


@dataclass(frozen=True, slots=True)
class Pools:
    """Threads: one for each import, and some that pack and store segments."""

    imports: Executor
    frames: Executor


class _TrialEnds(Exception):
    """A change that was only tried has come to its end."""


class Transactions:
    """Begins changes, one at a time for each tenant."""

    def __init__(self, database: Database, blobs: Blobs, pools: Pools, clock: Clock) -> None:
        self._database = database
        self._blobs = blobs
        self._pools = pools
        self._clock = clock
        self._turns: defaultdict[str, asyncio.Lock] = defaultdict(asyncio.Lock)

    @asynccontextmanager
    async def begin(self, tenant: str, *, is_trial: bool = False) -> AsyncIterator[Transaction]:
        """Begin a change once the tenant's others have ended; a trial does all of it and leaves nothing."""
        with contextlib.suppress(_TrialEnds):
            async with self._turns[tenant], self._database.tenant(tenant) as connection:
                await _wait_for_turn(connection, tenant)
                before = await datasets.sequence(connection, tenant)
                yield Transaction(
                    connection, tenant, before, self._clock(), self._blobs, self._pools, is_trial=is_trial
                )
                if is_trial:
                    raise _TrialEnds


async def _wait_for_turn(connection: AsyncConnection, tenant: str) -> None:
    try:
        async with asyncio.timeout(TURN_SECONDS):
            while not await locks.try_to_change(connection, tenant):  # noqa: ASYNC110 - the other is another process
                await asyncio.sleep(POLL_SECONDS)
    except TimeoutError as error:
        raise Unavailable(
            dependency="the ledger", reason="another import of this tenant is still at work"
        ) from error


class Transaction:
    """What one change does; it takes the sequence after the newest only if something changes."""

    def __init__(
        self,
        connection: AsyncConnection,
        tenant: str,
        before: int,
        moment: datetime,
        blobs: Blobs,
        pools: Pools,
        *,
        is_trial: bool,
    ) -> None:
        self.connection = connection
        self.tenant = tenant
        self.moment = moment
        self.next_sequence = before + 1
        self._before = before
        self._is_trial = is_trial
        self._blobs = blobs
        self._pools = pools
        self._is_changed = False

    async def apply(
        self, name: DatasetName, changes: Changes, stated: Callable[[DatasetVersion | None], datetime | None]
    ) -> Tally:
        """Merge changes into a dataset; `stated` says what is stated of its time, given what it is now."""
        existing = await segments.current(self.connection, self.tenant, name)
        has_tombstones = await tombstones.any_of(self.connection, self.tenant, name)
        bridge = Bridge(self._pools.imports)
        library = Library(self._blobs, bridge, self.tenant, name)
        merger = Merger(self._pools.frames, library.load, _drop if self._is_trial else library.keep)

        def note(present: list[bytes], gone: list[bytes]) -> None:
            if gone or (present and has_tombstones):
                bridge.call(self._note(name, present if has_tombstones else [], gone))

        def work() -> Merged:
            passed = noted(_checked(changes(library, existing), bridge), note, NOTE_KEYS)
            return merger.merge(name, existing, passed)

        merged = await bridge.run(work)
        now = await datasets.current(self.connection, self.tenant, name)
        await self._write(name, merged, now, stated(now))
        return merged.tally

    async def _note(self, name: DatasetName, present: list[bytes], gone: list[bytes]) -> None:
        if gone:
            await tombstones.set_for(
                self.connection, self.tenant, name, gone, self.next_sequence, self.moment
            )
        if present:
            await tombstones.lift(self.connection, self.tenant, name, present)

    async def _write(
        self, name: DatasetName, merged: Merged, now: DatasetVersion | None, stated: datetime | None
    ) -> None:
        version = version_of(name, merged.segments, stated)
        if not merged.is_changed and (now is None or now.stated_as_of == version.stated_as_of):
            return
        self._is_changed = True
        removed = [segment.first_key for segment in merged.removed]
        await segments.remove(self.connection, self.tenant, name, removed, self.next_sequence)
        await segments.add(self.connection, self.tenant, name, merged.added, self.next_sequence)
        await datasets.replace(self.connection, self.tenant, version, self.next_sequence, self.moment)

    async def finish(self) -> int:
        """Take the next sequence if anything changed; return the newest."""
        if not self._is_changed or self._is_trial:
            return self._before
        await datasets.advance(self.connection, self.tenant, self.next_sequence, self.moment)
        return self.next_sequence


def _drop(_framed: Framed) -> Future[None]:
    """Keep nothing of a segment that is only tried."""
    kept: Future[None] = Future()
    kept.set_result(None)
    return kept


def _checked(changes: Iterable[Change], bridge: Bridge) -> Iterator[Change]:
    for change in changes:
        bridge.check()
        yield change
