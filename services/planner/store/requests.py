"""Keeps which request ids a tenant has used, for what, and what came of it."""

from __future__ import annotations

from libs.common.db.statement import sql
from libs.common.errors import RequestIdReused
from services.planner.request import Request
from services.planner.store.connection import Connection
from services.planner.store.statements import insert


async def answered(connection: Connection, tenant: str, request: Request) -> str | None:
    """Return the resource that this request gave before, None for a new one; refuse another request's id."""
    if not request.id:
        return None
    result = await connection.execute(
        sql(
            "SELECT request_digest, resource FROM request_ids "
            "WHERE tenant = :tenant AND request_id = :request_id"
        ),
        {"tenant": tenant, "request_id": request.id},
    )
    row = result.first()
    if row is None:
        return None
    if row.request_digest != request.digest:
        raise RequestIdReused(request_id=request.id)
    resource: str = row.resource
    return resource


async def claim(connection: Connection, tenant: str, request: Request, resource: str) -> bool:
    """Say True if this request is the first of its id, which is now used; one without an id always is.

    A second request with the same id waits here until the first one has committed or rolled back.
    """
    if not request.id:
        return True
    values = {
        "tenant": tenant,
        "request_id": request.id,
        "request_digest": request.digest,
        "resource": resource,
    }
    added = sql(f"{insert('request_ids', values)} ON CONFLICT DO NOTHING RETURNING 1")
    return (await connection.execute(added, values)).first() is not None
