"""Keeps changes of one tenant's ledger apart, across processes, for the length of a transaction."""

from __future__ import annotations

import hashlib

from sqlalchemy.ext.asyncio import AsyncConnection

from libs.common.db.statement import sql


async def try_to_change(connection: AsyncConnection, tenant: str) -> bool:
    """Say whether this transaction may now change the tenant's ledger; no other one may until it ends."""
    found = await connection.execute(
        sql("SELECT pg_try_advisory_xact_lock(:lock)"), {"lock": _number("change", tenant)}
    )
    return bool(found.scalar_one())


async def share_history(connection: AsyncConnection, tenant: str) -> None:
    """Let nothing be forgotten of the tenant's ledger until this transaction ends."""
    await connection.execute(
        sql("SELECT pg_advisory_xact_lock_shared(:lock)"), {"lock": _number("history", tenant)}
    )


async def own_history(connection: AsyncConnection, tenant: str) -> None:
    """Let no snapshot be opened of the tenant's ledger until this transaction ends."""
    await connection.execute(sql("SELECT pg_advisory_xact_lock(:lock)"), {"lock": _number("history", tenant)})


def _number(purpose: str, tenant: str) -> int:
    name = f"evidence/{purpose}/{tenant}".encode()
    return int.from_bytes(hashlib.sha256(name).digest()[:8], "big", signed=True)
