"""The signature log: what was signed for whom, with which key, when; rows are only ever added."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy.ext.asyncio import AsyncConnection

from libs.common.blobs.store import Blob
from libs.common.db.statement import sql


@dataclass(frozen=True, slots=True)
class Signature:
    """The signature of one attempt of a run."""

    run: str
    attempt: int
    manifest_digest: str
    provenance_digest: str
    layout: Blob
    key_hint: str
    signed_at: datetime


async def find(connection: AsyncConnection, tenant: str, run: str, attempt: int) -> Signature | None:
    """Return the attempt's signature, if it was signed."""
    found = await connection.execute(
        sql(
            "SELECT run, attempt, manifest_digest, provenance_digest, layout_digest, layout_bytes, key_hint, "
            "signed_at FROM signatures WHERE tenant = :tenant AND run = :run AND attempt = :attempt"
        ),
        {"tenant": tenant, "run": run, "attempt": attempt},
    )
    row = found.first()
    if row is None:
        return None
    layout = Blob(row.layout_digest, row.layout_bytes)
    return Signature(
        row.run,
        row.attempt,
        row.manifest_digest,
        row.provenance_digest,
        layout,
        row.key_hint,
        row.signed_at,
    )


async def add(connection: AsyncConnection, tenant: str, new: Signature) -> bool:
    """Log a signature and say True, or change nothing and say False where the attempt has one."""
    added = await connection.execute(
        sql(
            "INSERT INTO signatures (tenant, run, attempt, manifest_digest, provenance_digest, "
            "layout_digest, layout_bytes, key_hint, signed_at) "
            "VALUES (:tenant, :run, :attempt, :manifest_digest, :provenance_digest, "
            ":layout_digest, :layout_bytes, :key_hint, :signed_at) "
            "ON CONFLICT (tenant, run, attempt) DO NOTHING RETURNING 1"
        ),
        {
            "tenant": tenant,
            "run": new.run,
            "attempt": new.attempt,
            "manifest_digest": new.manifest_digest,
            "provenance_digest": new.provenance_digest,
            "layout_digest": new.layout.digest,
            "layout_bytes": new.layout.size,
            "key_hint": new.key_hint,
            "signed_at": new.signed_at,
        },
    )
    return added.first() is not None
