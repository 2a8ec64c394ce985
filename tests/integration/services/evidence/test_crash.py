"""Changes that die or meet: what is committed is whole, and one change follows the other."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import AsyncIterator, Callable

import pytest

from libs.common.blobs.store import Blob, Blobs
from libs.common.errors import Unavailable
from tests.kit import evidence
from tests.kit.infrastructure import Postgres, TestDatabase
from tests.kit.ledger import TENANT, TestLedger, open_ledger


class FullDisk(Blobs):
    """A store that takes some blobs and then no more."""

    def __init__(self, url: str, area: str, room: int) -> None:
        super().__init__(url, area)
        self._room = itertools.count(room, -1)

    async def put(self, tenant: str, data: bytes, digest: str | None = None) -> Blob:
        """Store while there is room."""
        if next(self._room) <= 0:
            raise OSError("no space left on device")
        return await super().put(tenant, data, digest)


def feed(*numbers: int, **more: str) -> dict[str, bytes]:
    return {"osv.jsonl": b"\n".join(evidence.raw(evidence.osv(number, **more)) for number in numbers)}


@pytest.fixture
async def second(database: TestDatabase, ledger: TestLedger) -> AsyncIterator[TestLedger]:
    """Return another process's view of the same ledger: nothing is shared but database and store."""
    async with open_ledger(database, ledger.folder) as opened:
        yield opened


@pytest.mark.parametrize("room", [0, 1, 5])
async def test_an_import_that_cannot_store_a_frame_leaves_only_blobs(ledger: TestLedger, room: int) -> None:
    await ledger.take(feed(1))
    before = await ledger.digests()
    blobs = FullDisk(f"file://{ledger.folder}", "evidence", room)
    full = TestLedger(ledger.database, blobs, ledger.pools, ledger.folder)
    with pytest.raises(OSError, match="no space"):
        await full.take(feed(*range(2000), summary="new") | {"bad.json": b"{"})
    assert await ledger.digests() == before
    status = await ledger.reader.status(TENANT)
    assert (status.sequence, status.quarantined) == (1, [])
    assert (await ledger.take(feed(*range(2000)))).total.added == 1999


class Saboteur(Blobs):
    """A store that does something once, in the middle of an import."""

    def __init__(self, url: str, area: str, deed: Callable[[], object]) -> None:
        super().__init__(url, area)
        self._deeds = iter([deed])

    async def put(self, tenant: str, data: bytes, digest: str | None = None) -> Blob:
        """Store; the first time, do the deed as well."""
        for deed in self._deeds:
            await asyncio.to_thread(deed)
        return await super().put(tenant, data, digest)


async def test_an_import_whose_database_goes_away_changes_nothing_and_can_be_done_again(
    ledger: TestLedger, postgres: Postgres, database: TestDatabase
) -> None:
    await ledger.take(feed(1))
    before = await ledger.digests()
    statement = (
        "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity "  # noqa: S608 - a test's own name
        f"WHERE datname = '{database.name}' AND usename = 'evidence'"
    )
    blobs = Saboteur(f"file://{ledger.folder}", "evidence", lambda: postgres.execute("postgres", statement))
    cut = TestLedger(ledger.database, blobs, ledger.pools, ledger.folder)
    with pytest.raises(Unavailable):
        await cut.take(feed(*range(2000), summary="new"))
    assert await ledger.digests() == before
    assert (await ledger.take(feed(*range(2000)))).total.added == 1999


async def test_imports_of_two_processes_follow_one_another(ledger: TestLedger, second: TestLedger) -> None:
    outcomes = await asyncio.gather(
        *(
            each.take(feed(*range(start, start + 400)))
            for start, each in [(0, ledger), (400, second), (800, ledger), (1200, second)]
        )
    )
    assert sorted(outcome.sequence for outcome in outcomes) == [1, 2, 3, 4]
    await ledger.take(feed(*range(1600)), tenant="whole")
    assert await second.digests() == await ledger.digests("whole")


async def test_a_sweep_lets_an_import_of_another_process_go_first(
    ledger: TestLedger, second: TestLedger
) -> None:
    await ledger.take(feed(1))
    await ledger.take(feed(1, summary="new"))
    async with ledger.transactions.begin(TENANT):
        assert await second.sweeper.sweep(TENANT) == 0
    assert await second.sweeper.sweep(TENANT) == 1
