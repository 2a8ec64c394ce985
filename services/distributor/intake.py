"""Takes deliveries from the bus and answers each with what the target has, or why it has nothing."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from typing import Protocol

from google.protobuf.message import DecodeError
from stellaops.export.v1.digests_pb2 import BlobRef
from stellaops.export.work.v1.work_pb2 import (
    Delivered,
    DistributeResult,
    DistributeWork,
    WorkContext,
)

from libs.common import trace
from libs.common.blobs.store import Blob
from libs.common.bus.client import Bus
from libs.common.bus.subjects import CANCEL_ALL, DISTRIBUTE, RESULT_DISTRIBUTE, work_distribute
from libs.common.bus.worker import Delivery, Worker
from libs.common.errors import DeliveryCancelled, ExportError, WorkGivenUp
from libs.common.log import note, note_failure
from libs.common.rpc.status import work_error
from services.distributor.deliver import BundleOrder, Deliveries
from services.distributor.targets import Order, Outcome

STAGE = "distribute"
MAX_ATTEMPTS = 5  # with the worker's pauses about ten seconds: a restart of database or bus is outlasted

_log = logging.getLogger(__name__)


class Heard(Protocol):
    """A message of the bus, as far as it matters here."""

    subject: str
    data: bytes


class DistributeIntake:
    """A second delivery of the same work finds its outcome in the database and gives the same answer."""

    def __init__(self, bus: Bus, deliveries: Deliveries) -> None:
        """Take the bus and what carries deliveries out."""
        self._bus = bus
        self._deliveries = deliveries
        self._at_work: dict[str, dict[asyncio.Task[Outcome | None], int]] = {}  # by run: tasks and attempts

    def worker(self, driver: str, concurrency: int) -> Worker:
        """Return a worker for one driver's deliveries."""
        return Worker(
            self._bus,
            stream=DISTRIBUTE,
            durable=f"distribute-{driver}",
            subject=work_distribute(driver),
            handler=self.handle,
            give_up=self.give_up,
            concurrency=concurrency,
            max_attempts=MAX_ATTEMPTS,
        )

    async def listen(self) -> None:
        """Drop a run's deliveries as soon as the run is cancelled."""
        await self._bus.listen(CANCEL_ALL, self._cancel)

    async def handle(self, delivery: Delivery) -> None:
        """Deliver and answer; what may go better next time is raised, so that the work comes again.

        Work of a cancelled run, and of an attempt that was overtaken, is acknowledged without an answer.
        """
        work = DistributeWork.FromString(delivery.payload)
        order = order_of(work)
        result = DistributeResult(context=work.context, target_id=work.target.id)
        try:
            outcome = await self._deliver(order)
        except DeliveryCancelled as error:
            note_failure(error, "cancelled")
            await self._deliveries.fail(order, error)
            return
        except ExportError as error:
            if error.retryable:
                raise
            note_failure(error)
            await self._deliveries.fail(order, error)
            result.error.CopyFrom(work_error(error))
        else:
            if outcome is None:
                return
            done = Delivered(digest=outcome.digest, bytes=outcome.size, reference=outcome.reference)
            result.done.CopyFrom(done)
        await self._answer(result)

    async def give_up(self, delivery: Delivery, error: Exception) -> None:
        """Answer for work that failed at every delivery; what cannot be read has nobody to answer to."""
        try:
            work = DistributeWork.FromString(delivery.payload)
        except DecodeError:
            return
        last = error if isinstance(error, ExportError) else type(error).__name__
        given_up = WorkGivenUp(stage=STAGE, attempts=delivery.attempt, reason=last)
        await self._deliveries.fail(order_of(work), given_up)
        result = DistributeResult(context=work.context, target_id=work.target.id)
        result.error.CopyFrom(work_error(given_up))
        await self._answer(result)

    async def _deliver(self, order: BundleOrder) -> Outcome | None:
        run, target = order.order.run, order.order.target
        note(tenant=order.tenant, run=run, stage=STAGE, attempt=order.order.attempt, target=target)
        with trace.span("deliver"):
            task = asyncio.create_task(self._deliveries.deliver(order))
            tasks = self._at_work.setdefault(run, {})
            tasks[task] = order.order.attempt
            try:
                outcome = await asyncio.shield(task)
            except asyncio.CancelledError:
                if not task.cancelled():  # this process is stopping: another one gets the work
                    task.cancel()
                    with contextlib.suppress(asyncio.CancelledError):
                        await task
                    raise
                raise DeliveryCancelled(target=target, run=run) from None
            finally:
                del tasks[task]
                if not tasks:
                    self._at_work.pop(run, None)
        note(outcome="ok" if outcome else "overtaken", bytes=outcome.size if outcome else 0)
        return outcome

    async def _cancel(self, message: Heard) -> None:
        """Drop a run's deliveries up to the attempt that the message states: a later one is wanted."""
        run = message.subject.rpartition(".")[2]
        try:
            upto = WorkContext.FromString(message.data).attempt
        except DecodeError as error:
            _log.warning("cancel cannot be read", extra={"fields": {"run": run, "error": str(error)}})
            return
        for task, attempt in self._at_work.get(run, {}).items():
            if attempt <= upto:
                task.cancel()

    async def _answer(self, result: DistributeResult) -> None:
        context = result.context
        message_id = f"result-distribute-{context.run}-{context.attempt}-{result.target_id}-{context.number}"
        payload = result.SerializeToString(deterministic=True)
        await self._bus.publish(RESULT_DISTRIBUTE, payload, message_id)


def order_of(work: DistributeWork) -> BundleOrder:
    """Return what a work message asks for."""
    context = work.context
    order = Order(context.run, context.attempt, work.target.id, work.target.driver)
    return BundleOrder(context.tenant, order, work.export_id, _blob(work.manifest), _blob(work.layout))


def _blob(reference: BlobRef) -> Blob:
    return Blob(reference.digest, reference.bytes)
