"""Reads the body of an HTTP request within limits."""

from __future__ import annotations

import asyncio

from starlette.requests import Request

from libs.common.errors import InvalidField, TooLarge
from services.gateway.members import read_json

MAX_JSON_BYTES = 1 << 20  # the largest selector of the contracts is 900 KiB
BODY_SECONDS = 30.0  # what takes longer for 1 MiB is no client that waits for an answer


async def json_body(request: Request) -> object:
    """Return the JSON value of the body, or None where there is no body."""
    raw = bytearray()
    try:
        async with asyncio.timeout(BODY_SECONDS):
            async for chunk in request.stream():
                raw += chunk
                if len(raw) > MAX_JSON_BYTES:
                    raise TooLarge(what="The body of the request", limit=f"{MAX_JSON_BYTES} bytes")
    except TimeoutError as error:
        reason = f"it did not arrive within {BODY_SECONDS:.0f} s"
        raise InvalidField(field="body", reason=reason) from error
    if not raw:
        return None
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind not in ("application/json", ""):
        raise InvalidField(field="Content-Type", reason="`application/json` is wanted")
    return read_json(bytes(raw))
