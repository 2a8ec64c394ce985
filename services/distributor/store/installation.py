"""Reads the name of this installation, which was drawn when its database was made."""

from __future__ import annotations

from sqlalchemy.ext.asyncio import AsyncConnection

from libs.common.db.statement import sql


async def name(connection: AsyncConnection) -> str:
    """Return it: a UUID."""
    found = await connection.execute(sql("SELECT id::text FROM installation"))
    return str(found.scalar_one())
