"""Takes adapt and assemble work from the bus and answers each message with one result.

A second delivery makes the same blobs again, mostly by finding them, and publishes the same result under the
same message id, which the bus stores once. Work of a cancelled run is acknowledged without a result.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Generic, Protocol, TypeVar

from google.protobuf.message import DecodeError
from stellaops.export.work.v1.work_pb2 import (
    AdaptResult,
    AdaptWork,
    AssembleResult,
    AssembleWork,
    WorkContext,
)

from libs.common.bus import subjects
from libs.common.bus.client import Bus
from libs.common.bus.worker import Delivery, Worker
from libs.common.errors import ExportError, WorkGivenUp
from libs.common.log import note, note_failure
from libs.common.rpc.status import work_error
from services.adapter_host.adapters.base import About
from services.adapter_host.cancels import Cancels, RunCancelled

MAX_ATTEMPTS = 5  # with the worker's pauses about ten seconds: a restart of evidence or store is outlasted
# Twice as often as work may fail: what is delivered once more has ended the process of whoever began it.
MAX_DELIVERIES = 10

Work = TypeVar("Work", AdaptWork, AssembleWork)
Result = TypeVar("Result", AdaptResult, AssembleResult)


class Stage(Protocol[Work, Result]):
    """What is done with one kind of work."""

    name: str
    result_subject: str

    def read(self, payload: bytes) -> Work:
        """Return the work of a message."""

    def item(self, work: Work) -> str:
        """Return what tells this work from the run's other work of the stage."""

    def answer(self, work: Work) -> Result:
        """Return a result that says as yet only what it answers."""

    async def do(self, work: Work, result: Result, line: dict[str, Any]) -> None:
        """Do the work, and say in `result` what came of it and in `line` what the log should tell."""


class Intake(Generic[Work, Result]):
    """Handles the messages of one stage."""

    def __init__(self, stage: Stage[Work, Result], bus: Bus, cancels: Cancels) -> None:
        self._stage: Stage[Work, Result] = stage
        self._bus = bus
        self._cancels = cancels

    async def handle(self, delivery: Delivery) -> None:
        """Do the work and answer; what may go better next time is raised, so that the work comes again."""
        work = self._stage.read(delivery.payload)
        result = self._stage.answer(work)
        context = work.context
        note(tenant=context.tenant, run=context.run, attempt=context.attempt, stage=self._stage.name)
        try:
            await self._cancels.unless_cancelled(work.context, self._do(work, result))
        except RunCancelled:
            note(outcome="cancelled")
            return
        except ExportError as error:
            if error.retryable:
                raise
            note_failure(error)
            result.error.CopyFrom(work_error(error, retryable=False))
        await self._publish(work, result, delivery)

    async def give_up(self, delivery: Delivery, error: Exception) -> None:
        """Answer for work that failed at every delivery; what cannot be read has nobody to answer to."""
        try:
            work = self._stage.read(delivery.payload)
        except DecodeError:
            return
        # What no rule foresaw may hold anything in its text; the log has it.
        reason, retryable = type(error).__name__, False
        if isinstance(error, ExportError):
            reason, retryable = error.message, error.retryable
        given_up = WorkGivenUp(stage=self._stage.name, attempts=delivery.attempt, reason=reason)
        result = self._stage.answer(work)
        result.error.CopyFrom(work_error(given_up, retryable=retryable))
        await self._publish(work, result, delivery)

    async def _do(self, work: Work, result: Result) -> None:
        fields: dict[str, Any] = {}
        await self._stage.do(work, result, fields)
        note(**fields)

    async def _publish(self, work: Work, result: Result, delivery: Delivery) -> None:
        asked = delivery.message_id or _message_id(self._stage.name, work.context, self._stage.item(work))
        payload = result.SerializeToString(deterministic=True)
        await self._bus.publish(self._stage.result_subject, payload, f"result-{asked}")


def _message_id(stage: str, context: WorkContext, item: str) -> str:
    return f"{stage}-{context.run}-{context.attempt}{item}"


def make_workers(
    bus: Bus,
    adapters: Iterable[About],
    adapt: Intake[AdaptWork, AdaptResult],
    assemble: Intake[AssembleWork, AssembleResult],
    adapt_concurrency: int,
    assemble_concurrency: int,
) -> list[Worker]:
    """Return the workers of every adapter; all hosts share one queue an adapter and stage."""
    workers: list[Worker] = []
    for about in adapters:
        name = f"{about.kind}-{about.variant}"
        workers += [
            Worker(
                bus,
                stream=subjects.ADAPT,
                durable=f"adapt-{name}",
                subject=subjects.work_adapt(about.kind, about.variant),
                handler=adapt.handle,
                give_up=adapt.give_up,
                concurrency=adapt_concurrency,
                max_attempts=MAX_ATTEMPTS,
                max_deliveries=MAX_DELIVERIES,
            ),
            Worker(
                bus,
                stream=subjects.ADAPT,
                durable=f"assemble-{name}",
                subject=subjects.work_assemble(about.kind, about.variant),
                handler=assemble.handle,
                give_up=assemble.give_up,
                concurrency=assemble_concurrency,
                max_attempts=MAX_ATTEMPTS,
                max_deliveries=MAX_DELIVERIES,
            ),
        ]
    return workers
