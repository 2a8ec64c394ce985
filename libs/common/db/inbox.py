"""Remembers which messages were handled, in the transaction that handles them."""

from __future__ import annotations

from sqlalchemy.ext.asyncio import AsyncConnection

from libs.common.db.statement import sql


async def first_time(connection: AsyncConnection, tenant: str, message_id: str) -> bool:
    """Say whether this message is new; if so it is now remembered, if the transaction commits."""
    result = await connection.execute(
        sql(
            "INSERT INTO inbox (tenant, message_id) VALUES (:tenant, :message_id) "
            "ON CONFLICT DO NOTHING RETURNING 1"
        ),
        {"tenant": tenant, "message_id": message_id},
    )
    return result.first() is not None
