"""A ledger of the evidence service over a real database and a folder of blobs."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Iterable
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from pathlib import Path

from libs.common.blobs.store import Blobs
from libs.common.db.engine import Database
from services.evidence.importing.gather import Account, Readers
from services.evidence.importing.incoming import FileBegins
from services.evidence.importing.work import perform
from services.evidence.ledger.deletion import Deleter
from services.evidence.ledger.importer import Importer, Outcome, Spec
from services.evidence.ledger.reading import Opened, Reader
from services.evidence.ledger.sweep import Sweeper
from services.evidence.ledger.transaction import Pools, Transactions
from services.evidence.values import DatasetName, KeyRange
from tests.kit import evidence
from tests.kit.infrastructure import TestDatabase

TENANT = "acme"
SPEC = Spec(
    actor="ann",
    source="",
    kind="",
    id_field="",
    key="",
    uri_prefix="",
    as_of=None,
    is_whole=False,
    only_validates=False,
)


@dataclass
class TickingClock:
    """A clock that moves by a day each time somebody looks."""

    moment: datetime = evidence.NOW
    step: timedelta = timedelta(days=1)

    def __call__(self) -> datetime:
        self.moment += self.step
        return self.moment


@dataclass
class TestLedger:
    """One service's parts, without its doors."""

    __test__ = False

    database: Database
    blobs: Blobs
    pools: Pools
    folder: Path
    clock: TickingClock = field(default_factory=TickingClock)

    def __post_init__(self) -> None:
        self.transactions = Transactions(self.database, self.blobs, self.pools, self.clock)
        self.readers = Readers(lambda batch: self.pools.frames.submit(perform, batch), 2)
        self.importer = Importer(self.transactions, self.pools, self.readers, self.clock, 2)
        self.deleter = Deleter(self.transactions)
        self.reader = Reader(self.database, self.blobs, self.clock)
        self.sweeper = Sweeper(self.database, self.blobs, self.clock, 1.0)

    async def take(
        self,
        contents: dict[str, bytes] | Iterable[FileBegins | bytes],
        *,
        tenant: str = TENANT,
        source: str = "",
        is_whole: bool = False,
        as_of: datetime | None = None,
        only_validates: bool = False,
    ) -> Outcome:
        """Import files."""
        spec = replace(SPEC, source=source, is_whole=is_whole, as_of=as_of, only_validates=only_validates)
        parts = evidence.parts(contents) if isinstance(contents, dict) else contents
        return await self.importer.run(tenant, spec, _sent(parts), Account())

    async def delete(self, name: DatasetName, *keys: str, tenant: str = TENANT) -> tuple[int, int]:
        """Delete records."""
        return await self.deleter.run(tenant, "ann", name, [key.encode() for key in keys])

    async def open(self, holder: str = "", *, tenant: str = TENANT, sources: tuple[str, ...] = ()) -> Opened:
        """Open a snapshot of everything, or of some sources."""
        return await self.reader.open(tenant, (), sources, holder)

    async def digests(self, tenant: str = TENANT) -> dict[str, str]:
        """Return the digest of the newest evidence, as `*`, and those of its datasets by source and kind."""
        opened = await self.open(tenant=tenant)
        return {"*": opened.digest} | {
            f"{version.name.source}/{version.name.kind}": version.digest for version in opened.versions
        }

    async def records(
        self, opened: Opened, name: DatasetName, keys: KeyRange | None = None, tenant: str = TENANT
    ) -> dict[str, str]:
        """Return the documents of a dataset by key."""
        documents, sources = b"", b""
        async for batch in self.reader.records(tenant, opened.snapshot.id, name, keys or KeyRange()):
            documents += batch.documents
            sources += batch.sources
        keys_read = [json.loads(line)["key"] for line in sources.splitlines()]
        return dict(zip(keys_read, documents.decode().splitlines(), strict=True))

    def stored(self) -> set[str]:
        """Return the blobs that there are."""
        return {str(path.relative_to(self.folder)) for path in self.folder.rglob("*") if path.is_file()}


async def _sent(parts: Iterable[FileBegins | bytes]) -> AsyncIterator[FileBegins | bytes]:
    for part in parts:
        yield part


@asynccontextmanager
async def open_ledger(database: TestDatabase, folder: Path) -> AsyncIterator[TestLedger]:
    """Open a ledger on a migrated database."""
    connected = database.open("evidence")
    with ThreadPoolExecutor(3) as imports, ThreadPoolExecutor(2) as frames:
        yield TestLedger(connected, Blobs(f"file://{folder}", "evidence"), Pools(imports, frames), folder)
    await connected.close()
