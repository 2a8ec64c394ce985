"""Imports evidence: read and sorted first, then merged by dataset, committed once at the end or not."""

from __future__ import annotations

import asyncio
import tempfile
import time
from collections import defaultdict
from collections.abc import AsyncIterator, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial
from pathlib import Path

from prometheus_client import REGISTRY, CollectorRegistry

from libs.common import trace
from libs.common.clock import Clock
from libs.common.errors import InvalidField
from libs.common.log import note
from libs.common.metrics import ImportMetrics
from libs.common.points import reached
from libs.common.segments.merge import Change, Tally
from services.evidence.importing.documents import ImportedRecord
from services.evidence.importing.gather import Account, Gathering, Readers
from services.evidence.importing.incoming import FileBegins
from services.evidence.importing.interpret import Reading
from services.evidence.ledger import changes
from services.evidence.ledger.library import Library
from services.evidence.ledger.transaction import Pools, Transaction, Transactions
from services.evidence.store import datasets, imports, quarantine
from services.evidence.threads import Bridge
from services.evidence.times import text
from services.evidence.values import DatasetName, DatasetVersion, Segment

FILES_A_STATEMENT = 5000


@dataclass(frozen=True, slots=True)
class Spec:
    """How an import is to be read, and what it does to what is there."""

    actor: str
    source: str
    kind: str
    id_field: str
    key: str
    uri_prefix: str
    as_of: datetime | None
    is_whole: bool
    only_validates: bool


@dataclass(slots=True)
class Outcome:
    """What an import did: the newest sequence after it, counts by dataset, what was put aside by reason."""

    sequence: int = 0
    tallies: dict[DatasetName, Tally] = field(default_factory=dict)
    quarantined: dict[str, int] = field(default_factory=dict)

    @property
    def total(self) -> Tally:
        """The counts of all datasets."""
        return Tally(
            added=sum(tally.added for tally in self.tallies.values()),
            updated=sum(tally.updated for tally in self.tallies.values()),
            unchanged=sum(tally.unchanged for tally in self.tallies.values()),
            removed=sum(tally.removed for tally in self.tallies.values()),
        )


class Importer:
    """Runs imports, a few at a time and one for each tenant; while one waits, so does its stream of bytes."""

    def __init__(
        self,
        transactions: Transactions,
        pools: Pools,
        readers: Readers,
        clock: Clock,
        concurrency: int,
        registry: CollectorRegistry = REGISTRY,
    ) -> None:
        self._transactions = transactions
        self._pools = pools
        self._readers = readers
        self._clock = clock
        self._metrics = ImportMetrics(registry)
        self._slots = asyncio.Semaphore(concurrency)
        self._turns: defaultdict[str, asyncio.Lock] = defaultdict(asyncio.Lock)

    async def run(
        self, tenant: str, spec: Spec, parts: AsyncIterator[FileBegins | bytes], account: Account
    ) -> Outcome:
        """Import what `parts` bring; `account` shows how far it is."""
        async with self._turns[tenant], self._slots:
            note(actor=spec.actor)
            start = time.perf_counter()
            with trace.span("import"):
                outcome = await self._run(tenant, spec, parts, account)
            note(**_line(outcome, account))
            if not spec.only_validates:
                self._count(outcome, account, time.perf_counter() - start)
            return outcome

    def _count(self, outcome: Outcome, account: Account, seconds: float) -> None:
        total = outcome.total
        records = {
            "added": total.added,
            "updated": total.updated,
            "unchanged": total.unchanged,
            "removed": total.removed,
        }
        self._metrics.imported(seconds, account.budget.received, records, outcome.quarantined)

    async def _run(
        self, tenant: str, spec: Spec, parts: AsyncIterator[FileBegins | bytes], account: Account
    ) -> Outcome:
        with tempfile.TemporaryDirectory(prefix="export-import-") as folder:
            reading = Reading(spec.kind, spec.id_field, spec.key, spec.uri_prefix, self._clock())
            gathering = Gathering(Path(folder), self._readers, spec.source, reading, account)
            bridge = Bridge(self._pools.imports)
            await bridge.run(lambda: gathering.take(bridge.iterate(parts), bridge.check))
            reached("evidence.gathered")
            _check_replacement(spec, account)
            return await self._merge(tenant, spec, gathering, account)

    async def _merge(self, tenant: str, spec: Spec, gathering: Gathering, account: Account) -> Outcome:
        outcome = Outcome()
        async with self._transactions.begin(tenant, is_trial=spec.only_validates) as transaction:
            await self._merge_all(transaction, spec, gathering, account, outcome)
            await _settle_quarantine(transaction, spec, account)
            outcome.quarantined = dict(sorted(account.refusals.items()))
            outcome.sequence = await transaction.finish()
            entry = _entry(spec, outcome, account)
            await imports.add(transaction.connection, tenant, entry, transaction.moment)
            reached("evidence.import_written")
        reached("evidence.import_committed")
        return outcome

    async def _merge_all(
        self,
        transaction: Transaction,
        spec: Spec,
        gathering: Gathering,
        account: Account,
        outcome: Outcome,
    ) -> None:
        groups = gathering.datasets()
        bridge = Bridge(self._pools.imports)
        while (group := await bridge.run(partial(next, groups, None))) is not None:
            name, imported = group
            counted = _counted(imported, account)
            outcome.tallies[name] = await _apply(transaction, spec, name, counted)
        for name in await _left_out(transaction, spec, account) if spec.is_whole else ():
            if name not in outcome.tallies:
                outcome.tallies[name] = await _apply(transaction, spec, name, iter(()))


def _check_replacement(spec: Spec, account: Account) -> None:
    """Refuse to replace a source by nothing: more likely a fault of the files than what is wanted."""
    if spec.is_whole and not account.records:
        raise InvalidField(
            field="spec.mode", reason="no record could be taken, so replacing would delete the whole source"
        )


def _counted(imported: Iterable[ImportedRecord], account: Account) -> Iterator[ImportedRecord]:
    for record in imported:
        account.merged += 1
        yield record


async def _apply(
    transaction: Transaction, spec: Spec, name: DatasetName, imported: Iterator[ImportedRecord]
) -> Tally:
    new = changes.records(imported, text(transaction.moment), transaction.next_sequence)

    def changes_of(library: Library, existing: Sequence[Segment]) -> Iterable[Change]:
        return changes.replacement(library.keys(existing), new) if spec.is_whole else new

    def stated(now: DatasetVersion | None) -> datetime | None:
        before = None if spec.is_whole or now is None else now.stated_as_of
        return max((time for time in (before, spec.as_of) if time is not None), default=None)

    return await transaction.apply(name, changes_of, stated)


async def _left_out(transaction: Transaction, spec: Spec, account: Account) -> list[DatasetName]:
    """Return the datasets that a whole import of these sources may leave without any record."""
    return [
        name
        for source in sorted(account.sources)
        for name in await datasets.of_source(transaction.connection, transaction.tenant, source)
        if not spec.kind or name.kind == spec.kind
    ]


async def _settle_quarantine(transaction: Transaction, spec: Spec, account: Account) -> None:
    """Put aside what this import refused, in place of what earlier imports of the same files did."""
    connection, tenant = transaction.connection, transaction.tenant
    for source in sorted(account.sources) if spec.is_whole else ():
        await quarantine.clear_source(connection, tenant, source)
    files = sorted(account.files)
    for start in range(0, len(files), FILES_A_STATEMENT):
        await quarantine.clear_files(
            connection, tenant, spec.source, files[start : start + FILES_A_STATEMENT]
        )
    await quarantine.add(connection, tenant, account.refused, transaction.moment)
    await quarantine.trim(connection, tenant)


def _line(outcome: Outcome, account: Account) -> dict[str, object]:
    total = outcome.total
    return {
        "sequence": outcome.sequence,
        "bytes": account.budget.received,
        "plain_bytes": account.budget.plain,
        "records": account.records,
        "added": total.added,
        "updated": total.updated,
        "removed": total.removed,
        "quarantined": sum(outcome.quarantined.values()),
    }


def _entry(spec: Spec, outcome: Outcome, account: Account) -> imports.Entry:
    total = outcome.total
    return imports.Entry(
        actor=spec.actor,
        action="import",
        spec={
            "source": spec.source,
            "kind": spec.kind,
            "id_field": spec.id_field,
            "key": spec.key,
            "uri_prefix": spec.uri_prefix,
            "as_of": None if spec.as_of is None else text(spec.as_of),
            "is_whole": spec.is_whole,
            "files": len(account.files),
            "bytes": account.budget.received,
        },
        sequence=outcome.sequence,
        added=total.added,
        updated=total.updated,
        unchanged=total.unchanged,
        removed=total.removed,
        quarantined=sum(outcome.quarantined.values()),
    )
