"""Keeps which bundle each run has: where its layout is and what its tar is."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime

from sqlalchemy.ext.asyncio import AsyncConnection

from libs.common.db.statement import sql
from libs.common.errors import BundleNotFound, BundleNotReady, BundleRemoved

_SHOWN_CHARACTERS = 80  # so much of a hostile run id stands in an error


@dataclass(frozen=True, slots=True)
class StoredBundle:
    """A bundle that can be downloaded."""

    run: str
    attempt: int
    export_id: str
    manifest_digest: str
    layout_digest: str
    tar_digest: str
    tar_bytes: int

    @property
    def etag(self) -> str:
        """Return the strong entity tag of the tar."""
        return f'"{self.tar_digest}"'


async def get(connection: AsyncConnection, tenant: str, run: str) -> StoredBundle:
    """Return a run's bundle.

    One query answers for a bundle, a run whose delivery goes on or failed, and a run that is not there or is
    another tenant's: the last two cannot be told apart, neither by the answer nor by how long it takes.
    """
    rows = await connection.execute(
        sql(
            "SELECT b.attempt, b.export_id, b.manifest_digest, b.layout_digest, b.tar_digest, b.tar_bytes, "
            "b.removed_at, "
            "EXISTS (SELECT 1 FROM export_distributions d WHERE d.tenant = :tenant AND d.run = :run) "
            "AS known "
            "FROM (VALUES (1)) AS one LEFT JOIN export_bundles b ON b.tenant = :tenant AND b.run = :run"
        ),
        {"tenant": tenant, "run": run},
    )
    row = rows.one()
    if row.removed_at is not None:
        raise BundleRemoved(run=run, time=row.removed_at.astimezone(UTC).isoformat(timespec="seconds"))
    if row.tar_digest is not None:
        return StoredBundle(
            run,
            row.attempt,
            row.export_id,
            row.manifest_digest,
            row.layout_digest,
            row.tar_digest,
            row.tar_bytes,
        )
    if row.known:
        raise BundleNotReady(run=run)
    raise BundleNotFound(name=run[:_SHOWN_CHARACTERS])


async def save(connection: AsyncConnection, tenant: str, bundle: StoredBundle, now: datetime) -> None:
    """Write a run's bundle, unless a later attempt has written one."""
    await connection.execute(
        sql(
            "INSERT INTO export_bundles AS old (tenant, run, attempt, export_id, manifest_digest, "
            "layout_digest, tar_digest, tar_bytes, etag, created_at) VALUES (:tenant, :run, :attempt, "
            ":export_id, :manifest_digest, :layout_digest, :tar_digest, :tar_bytes, :etag, :created_at) "
            "ON CONFLICT (tenant, run) DO UPDATE SET attempt = EXCLUDED.attempt, "
            "export_id = EXCLUDED.export_id, manifest_digest = EXCLUDED.manifest_digest, "
            "layout_digest = EXCLUDED.layout_digest, tar_digest = EXCLUDED.tar_digest, "
            "tar_bytes = EXCLUDED.tar_bytes, etag = EXCLUDED.etag, created_at = EXCLUDED.created_at "
            "WHERE old.attempt <= EXCLUDED.attempt"
        ),
        {
            "tenant": tenant,
            "run": bundle.run,
            "attempt": bundle.attempt,
            "export_id": bundle.export_id,
            "manifest_digest": bundle.manifest_digest,
            "layout_digest": bundle.layout_digest,
            "tar_digest": bundle.tar_digest,
            "tar_bytes": bundle.tar_bytes,
            "etag": bundle.etag,
            "created_at": now,
        },
    )
