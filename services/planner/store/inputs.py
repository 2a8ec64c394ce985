"""Keeps what each run reads: the pinned evidence snapshot with the digests of its datasets."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

from libs.common.db.statement import sql
from services.planner.runs.evidence import Dataset, Pin, Snapshot
from services.planner.store import columns
from services.planner.store.connection import Connection
from services.planner.store.statements import insert

LEDGER = "ledger"


async def add(connection: Connection, tenant: str, run: str, snapshot: Snapshot) -> None:
    """Pin a run to a snapshot."""
    values = {
        "tenant": tenant,
        "run": run,
        "system": LEDGER,
        "snapshot_id": snapshot.id,
        "digest": snapshot.digest,
        "as_of": snapshot.as_of,
        "records": snapshot.records,
        "datasets": columns.write([dataclasses.asdict(dataset) for dataset in snapshot.datasets]),
    }
    await connection.execute(insert("export_inputs", values), values)


async def of(connection: Connection, tenant: str, run: str) -> Snapshot:
    """Return the snapshot of a run, with its datasets."""
    result = await connection.execute(
        sql(
            "SELECT snapshot_id, digest, as_of, datasets FROM export_inputs "
            "WHERE tenant = :tenant AND run = :run AND system = :system"
        ),
        {"tenant": tenant, "run": run, "system": LEDGER},
    )
    row = result.one()
    datasets = tuple(Dataset(**dataset) for dataset in row.datasets)
    return Snapshot(row.snapshot_id, row.digest, row.as_of, datasets)


async def pins(connection: Connection, tenant: str, runs: Sequence[str]) -> dict[str, Pin]:
    """Return what each of some runs is pinned to."""
    result = await connection.execute(
        sql(
            "SELECT run, snapshot_id, digest, as_of, records FROM export_inputs "
            "WHERE tenant = :tenant AND run = ANY(:runs) AND system = :system"
        ),
        {"tenant": tenant, "runs": list(runs), "system": LEDGER},
    )
    return {row.run: Pin(row.snapshot_id, row.digest, row.as_of, row.records) for row in result}
