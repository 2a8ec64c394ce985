"""Lets go of what a run has when the planner says that nobody needs it: its blobs are then collected."""

from __future__ import annotations

from stellaops.export.work.v1.work_pb2 import ForgetWork

from libs.common.bus.client import Bus
from libs.common.bus.subjects import DISTRIBUTE, WORK_FORGET
from libs.common.bus.worker import Delivery, Worker
from libs.common.clock import Clock
from libs.common.db.engine import Database
from services.distributor.store import roots

MAX_ATTEMPTS = 100  # nobody asks again, and there is no hurry


class Forgetting:
    """Nobody waits for an answer; told twice, it changes nothing."""

    def __init__(self, bus: Bus, database: Database, clock: Clock) -> None:
        """Take bus and database."""
        self._bus = bus
        self._database = database
        self._clock = clock

    def worker(self) -> Worker:
        """Return what takes the messages."""
        return Worker(
            self._bus,
            stream=DISTRIBUTE,
            durable="forget",
            subject=WORK_FORGET,
            handler=self.handle,
            max_attempts=MAX_ATTEMPTS,
        )

    async def handle(self, delivery: Delivery) -> None:
        """Let go of bundle and deliveries of a run."""
        context = ForgetWork.FromString(delivery.payload).context
        async with self._database.tenant(context.tenant) as connection:
            await roots.remove(connection, context.tenant, context.run, self._clock())
