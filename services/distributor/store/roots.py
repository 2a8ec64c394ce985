"""Keeps what collection must leave: the layouts of bundles and of deliveries, and the order of both.

A delivery that begins shares a lock that collection owns while it removes some blobs. So it begins before,
and is a root that collection sees, or after, and sees itself what is gone.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy.ext.asyncio import AsyncConnection

from libs.common.db.statement import sql


@dataclass(frozen=True, slots=True)
class Root:
    """A layout that something needs; `is_bundle` says that it is whole and can be downloaded."""

    layout: str
    is_bundle: bool


async def share(connection: AsyncConnection, tenant: str) -> None:
    """Let nothing of the tenant be removed until this transaction ends."""
    await connection.execute(
        sql("SELECT pg_advisory_xact_lock_shared(:lock)"), {"lock": _number("roots", tenant)}
    )


async def own(connection: AsyncConnection, tenant: str) -> None:
    """Let no delivery of the tenant begin until this transaction ends."""
    await connection.execute(sql("SELECT pg_advisory_xact_lock(:lock)"), {"lock": _number("roots", tenant)})


async def try_to_collect(connection: AsyncConnection, tenant: str) -> bool:
    """Say whether this transaction may collect the tenant's blobs; no other one may until it ends."""
    found = await connection.execute(
        sql("SELECT pg_try_advisory_xact_lock(:lock)"), {"lock": _number("collect", tenant)}
    )
    return bool(found.scalar_one())


async def all_of(connection: AsyncConnection, tenant: str, grace: timedelta) -> set[Root]:
    """Return every root; what was let go of stays one for the grace period, for who found its blobs."""
    rows = await connection.execute(
        sql(
            "SELECT layout_digest, bool_or(is_bundle) AS is_bundle FROM ("
            "SELECT layout_digest, true AS is_bundle FROM export_bundles WHERE tenant = :tenant "
            "AND (removed_at IS NULL OR removed_at > now() - :grace) UNION ALL "
            "SELECT layout_digest, false FROM export_distributions WHERE tenant = :tenant "
            "AND layout_digest <> '' AND (removed_at IS NULL OR removed_at > now() - :grace)"
            ") AS named GROUP BY layout_digest"
        ),
        {"tenant": tenant, "grace": grace},
    )
    return {Root(row.layout_digest, row.is_bundle) for row in rows}


async def remove(connection: AsyncConnection, tenant: str, run: str, now: datetime) -> bool:
    """Let go of everything that a run has; say whether there was anything left to let go of."""
    changed = 0
    for table in ("export_bundles", "export_distributions"):
        result = await connection.execute(
            sql(
                f"UPDATE {table} SET removed_at = :now "  # noqa: S608 - names in code
                "WHERE tenant = :tenant AND run = :run AND removed_at IS NULL"
            ),
            {"tenant": tenant, "run": run, "now": now},
        )
        changed += result.rowcount
    return changed > 0


def _number(purpose: str, tenant: str) -> int:
    name = f"distributor/{purpose}/{tenant}".encode()
    return int.from_bytes(hashlib.sha256(name).digest()[:8], "big", signed=True)
