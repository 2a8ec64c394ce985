"""Collection against deliveries of old blobs, in processes of their own, killed now and then."""

from __future__ import annotations

import asyncio
import contextlib
import random
import sys
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path

import pytest

from libs.common import clock
from libs.common.blobs.store import Blobs
from libs.common.db.engine import Database
from libs.common.digests import sha256_digest
from libs.common.errors import BlobMissing
from services.distributor.__main__ import drivers
from services.distributor.deliver import Deliveries
from services.distributor.intake import order_of
from services.distributor.layouts import Layouts
from tests.kit.collecting import age, needed, there
from tests.kit.infrastructure import TestDatabase
from tests.kit.stored_bundles import StoredFiles, distribute_work, store_files

REPOSITORY = Path(__file__).resolve().parents[4]
RUNS = 16
OLD = timedelta(days=2)
CONTENTS = [bytes([number]) * 200 for number in range(60)]


class Collecting:
    """A process that collects without a pause."""

    def __init__(self, database: TestDatabase, blobs: Path) -> None:
        self._arguments = [database.url("distributor"), f"file://{blobs}", "acme"]
        self._process: Process | None = None

    async def start(self) -> None:
        command = (sys.executable, "-m", "tests.kit.collecting_process", *self._arguments)
        self._process = await asyncio.create_subprocess_exec(*command, cwd=REPOSITORY, stdout=PIPE)
        await self.pass_over()

    async def pass_over(self) -> None:
        """Wait for the end of a collection."""
        assert self._process is not None
        assert self._process.stdout is not None
        assert await asyncio.wait_for(self._process.stdout.readline(), 60)

    async def kill(self) -> None:
        assert self._process is not None
        self._process.kill()
        await self._process.communicate()


@contextlib.asynccontextmanager
async def collecting(database: TestDatabase, blobs: Path) -> AsyncIterator[Collecting]:
    process = Collecting(database, blobs)
    await process.start()
    try:
        yield process
    finally:
        await process.kill()


@pytest.fixture
async def opened(database: TestDatabase) -> AsyncIterator[Database]:
    database.migrate("distributor")
    opened = database.open("distributor")
    yield opened
    await opened.close()


async def stored_long_ago(blobs: Blobs, chance: random.Random) -> StoredFiles:
    """Store a bundle whose blobs all look too old to be safe: its run stood still for days."""
    files = {f"f{place}": data for place, data in enumerate(chance.sample(CONTENTS, 6))}
    stored = await store_files(blobs, files)
    for digest in needed(stored.layout.digest, stored.message):
        with contextlib.suppress(FileNotFoundError):  # collected already
            age(blobs, "acme", digest, OLD)
    return stored


async def test_a_delivery_finds_all_its_blobs_or_says_what_is_missing_and_a_bundle_never_loses_one(
    database: TestDatabase, opened: Database, tmp_path: Path
) -> None:
    blobs = Blobs(f"file://{tmp_path}", "exports")
    deliveries = Deliveries(opened, blobs, Layouts(blobs), drivers(), clock.now)
    chance = random.Random(7)
    bundles: set[str] = set()
    missed = 0
    async with collecting(database, tmp_path) as process:
        for number in range(RUNS):
            stored = await stored_long_ago(blobs, chance)
            work = order_of(distribute_work(stored, f"run-{number:05}"))
            try:
                assert await deliveries.deliver(work)
            except BlobMissing:
                missed += 1  # the run is tried again, which stores what is missing anew
                stored = await store_files(blobs, files_of(stored))
                retry = order_of(distribute_work(stored, f"run-{number:05}", attempt=2))
                assert await deliveries.deliver(retry)
            bundles |= needed(stored.layout.digest, stored.message)
            if number == RUNS // 2:
                await process.kill()
                await process.start()
        # How often a collection comes between is chance; that it removes what nobody needs is not.
        orphan = (await blobs.put("acme", b"needed by nobody")).digest
        age(blobs, "acme", orphan, OLD)
        async with asyncio.timeout(60):
            while orphan in (left := await there(blobs, "acme")):
                await process.pass_over()
    assert bundles <= left
    assert missed < RUNS


def files_of(stored: StoredFiles) -> dict[str, bytes]:
    """Return the files again that a bundle was made of."""
    by_digest = {file.digest: file.path for file in stored.message.files}
    return {by_digest[digest]: data for data in CONTENTS if (digest := sha256_digest(data)) in by_digest}
