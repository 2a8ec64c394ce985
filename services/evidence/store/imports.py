"""The log of imports and deletions: who changed what and when; rows are only ever added."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy.ext.asyncio import AsyncConnection

from libs.common.db.statement import sql


@dataclass(frozen=True, slots=True)
class Entry:
    """One import or deletion, and what it did."""

    actor: str
    action: str
    spec: dict[str, object]
    sequence: int
    added: int
    updated: int
    unchanged: int
    removed: int
    quarantined: int


async def add(connection: AsyncConnection, tenant: str, entry: Entry, moment: datetime) -> None:
    """Log one import or deletion."""
    await connection.execute(
        sql(
            "INSERT INTO imports (tenant, actor, action, spec, sequence, added, updated, unchanged, removed, "
            "quarantined, finished_at) VALUES (:tenant, :actor, :action, CAST(:spec AS jsonb), :sequence, "
            ":added, :updated, :unchanged, :removed, :quarantined, :moment)"
        ),
        {
            "tenant": tenant,
            "actor": entry.actor,
            "action": entry.action,
            "spec": json.dumps(entry.spec),
            "sequence": entry.sequence,
            "added": entry.added,
            "updated": entry.updated,
            "unchanged": entry.unchanged,
            "removed": entry.removed,
            "quarantined": entry.quarantined,
            "moment": moment,
        },
    )
