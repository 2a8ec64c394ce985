"""Messages that are written with the state that causes them, and sent once the transaction has committed."""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Row
from sqlalchemy.ext.asyncio import AsyncConnection

from libs.common.bus.client import Bus
from libs.common.db.engine import Database
from libs.common.db.statement import sql
from libs.common.errors import ExportError
from libs.common.metrics import Waiting
from libs.common.points import reached
from libs.common.tasks import is_told_to_end

BATCH = 200  # messages sent between two deletes
IDLE_SECONDS = 1.0  # a message of a process that died is picked up within this time
RETRY_SECONDS = 0.5

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Letter:
    """A message to be sent; `id` tells repetitions apart."""

    subject: str
    id: str
    payload: bytes


async def put(
    connection: AsyncConnection, tenant: str, letters: Sequence[Letter], headers: Mapping[str, str]
) -> None:
    """Add messages to the transaction, in order; all of them carry the same headers."""
    if not letters:
        return
    await connection.execute(
        sql(
            "INSERT INTO outbox (tenant, subject, message_id, headers, payload) "
            "SELECT :tenant, subject, message_id, CAST(:headers AS jsonb), payload FROM "
            "unnest(CAST(:subjects AS text[]), CAST(:ids AS text[]), CAST(:payloads AS bytea[])) "
            "WITH ORDINALITY AS listed (subject, message_id, payload, position) ORDER BY position"
        ),
        {
            "tenant": tenant,
            "headers": json.dumps(dict(headers)),
            "subjects": [letter.subject for letter in letters],
            "ids": [letter.id for letter in letters],
            "payloads": [letter.payload for letter in letters],
        },
    )


async def waiting(connection: AsyncConnection) -> Waiting:
    """Return how many messages are not sent, and how long the oldest of them has been there."""
    result = await connection.execute(
        sql("SELECT count(*) AS messages, extract(epoch FROM now() - min(put_at)) AS seconds FROM outbox")
    )
    row = result.one()
    return Waiting(row.messages, float(row.seconds or 0))


class OutboxRelay:
    """Sends what lies in the outbox, in order, at least once; several processes may do so at once."""

    def __init__(self, database: Database, bus: Bus) -> None:
        self._database = database
        self._bus = bus
        self._wake = asyncio.Event()

    def wake(self) -> None:
        """Say that something was just committed."""
        self._wake.set()

    async def run(self) -> None:
        """Send until cancelled; database or bus being away only delays."""
        while not is_told_to_end():
            try:
                sent = await self._send_batch()
            except ExportError as error:
                _log.warning("outbox waits", extra={"fields": {"error": str(error)}})
                await asyncio.sleep(RETRY_SECONDS)
                continue
            if sent == BATCH:
                continue
            # Not `wait_for`: before Python 3.12 it loses a cancellation that comes together with the wake-up.
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(IDLE_SECONDS):
                    await self._wake.wait()
            self._wake.clear()

    async def _send_batch(self) -> int:
        # What a power cut brings back is sent again: that costs less than waiting for the disk each time.
        async with self._database.system(durable=False) as connection:
            rows = (
                await connection.execute(
                    sql(
                        "SELECT id, subject, message_id, headers, payload FROM outbox "
                        "ORDER BY id LIMIT :batch FOR UPDATE SKIP LOCKED"
                    ),
                    {"batch": BATCH},
                )
            ).all()
            await self._publish(rows)
            if rows:
                reached("outbox.published")
                await connection.execute(
                    sql("DELETE FROM outbox WHERE id = ANY(:ids)"), {"ids": [row.id for row in rows]}
                )
        return len(rows)

    async def _publish(self, rows: Sequence[Row[Any]]) -> None:
        """Hand messages to the bus in order, and wait for all its answers together."""
        answers = await asyncio.gather(
            *(
                self._bus.publish(row.subject, bytes(row.payload), row.message_id, row.headers)
                for row in rows
            ),
            return_exceptions=True,
        )
        for answer in answers:
            if answer is not None:
                raise answer
