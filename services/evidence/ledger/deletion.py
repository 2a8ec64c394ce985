"""Deletes records of one dataset, each with a tombstone."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Sequence

from libs.common.log import note
from libs.common.segments.merge import Change
from services.evidence.ledger import changes
from services.evidence.ledger.library import Library
from services.evidence.ledger.transaction import Transactions
from services.evidence.store import imports
from services.evidence.values import DatasetName, Segment


class Deleter:
    """Runs deletions."""

    def __init__(self, transactions: Transactions) -> None:
        self._transactions = transactions

    async def run(self, tenant: str, actor: str, name: DatasetName, keys: Sequence[bytes]) -> tuple[int, int]:
        """Delete the records of `keys` that are there; return the newest sequence and how many there were."""
        note(actor=actor, dataset="/".join(name))
        sequence, removed = await self._run(tenant, actor, name, keys)
        note(sequence=sequence, removed=removed)
        return sequence, removed

    async def _run(
        self, tenant: str, actor: str, name: DatasetName, keys: Sequence[bytes]
    ) -> tuple[int, int]:
        def changes_of(library: Library, existing: Sequence[Segment]) -> Iterable[Change]:
            return changes.deletion(library.keys(holding(existing, keys)), keys)

        async with self._transactions.begin(tenant) as transaction:
            tally = await transaction.apply(
                name, changes_of, lambda now: None if now is None else now.stated_as_of
            )
            sequence = await transaction.finish()
            spec: dict[str, object] = {"kind": name.kind, "source": name.source, "keys": len(keys)}
            entry = imports.Entry(actor, "delete", spec, sequence, 0, 0, 0, tally.removed, 0)
            await imports.add(transaction.connection, tenant, entry, transaction.moment)
        return sequence, tally.removed


def holding(segments: Sequence[Segment], keys: Iterable[bytes]) -> list[Segment]:
    """Return the segments, in order, whose range holds one of `keys`."""
    wanted = sorted(keys)
    return [
        segment
        for segment in segments
        if (at := bisect_left(wanted, segment.first_key)) < len(wanted) and wanted[at] <= segment.last_key
    ]
