"""Takes work from a queue that several processes share: pull, keep alive, acknowledge, give up."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from nats.aio.msg import Msg
from nats.errors import Error as NatsError
from nats.js import JetStreamContext
from nats.js.api import AckPolicy, ConsumerConfig, DeliverPolicy
from nats.js.errors import NotFoundError
from opentelemetry.trace import SpanKind
from prometheus_client import REGISTRY, CollectorRegistry

from libs.common import trace
from libs.common.bus.client import Bus
from libs.common.bus.subjects import dead
from libs.common.errors import Internal
from libs.common.log import Line, note_failure, unit_of_work
from libs.common.metrics import WorkMetrics
from libs.common.points import reached
from libs.common.tasks import is_told_to_end

ACK_WAIT_SECONDS = 6.0  # a worker that died is replaced after this
HEARTBEAT_SECONDS = 1.5  # several fit into ACK_WAIT_SECONDS, so one late heartbeat does no harm
RETRY_DELAY_SECONDS = 1.0
FETCH_SECONDS = 5.0

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Delivery:
    """One message as a handler sees it; `attempt` counts deliveries from 1."""

    subject: str
    payload: bytes
    message_id: str
    headers: dict[str, str]
    attempt: int


Handler = Callable[[Delivery], Awaitable[None]]
GiveUp = Callable[[Delivery, Exception], Awaitable[None]]


class Worker:
    """Handles messages of one subject, up to `concurrency` at a time.

    A handler that returns has done its work durably: only then is the message acknowledged. One that raises
    gets the message again after a pause, `max_attempts` times; then `give_up` answers for it, a copy goes to
    the dead letters and the message is acknowledged. If the process dies, another one gets the message after
    ACK_WAIT_SECONDS; work that ends every process is not begun after `max_deliveries` and given up.
    """

    def __init__(
        self,
        bus: Bus,
        *,
        stream: str,
        durable: str,
        subject: str,
        handler: Handler,
        give_up: GiveUp | None = None,
        concurrency: int = 1,
        max_attempts: int = 5,
        max_deliveries: int | None = None,
        registry: CollectorRegistry = REGISTRY,
    ) -> None:
        self._bus = bus
        self._stream = stream
        self._durable = durable
        self._subject = subject
        self._handler = handler
        self._give_up = give_up
        self._concurrency = concurrency
        self._max_attempts = max_attempts
        self._max_deliveries = max_deliveries
        self._metrics = WorkMetrics(registry)
        self._metrics.expect(durable)

    async def run(self) -> None:
        """Work until cancelled; what is in hand is finished first, within the caller's patience."""
        slots = asyncio.Semaphore(self._concurrency)
        running: set[asyncio.Task[None]] = set()
        subscription: JetStreamContext.PullSubscription | None = None
        try:
            while not is_told_to_end():
                await slots.acquire()
                message = None
                try:
                    if subscription is None:
                        subscription = await self._subscribe()
                    message = (await subscription.fetch(1, timeout=FETCH_SECONDS))[0]
                except TimeoutError:
                    continue
                except (NatsError, OSError) as error:
                    _log.warning(
                        "queue waits", extra={"fields": {"subject": self._subject, "error": str(error)}}
                    )
                    subscription = None
                    await asyncio.sleep(RETRY_DELAY_SECONDS)
                    continue
                finally:
                    if message is None:
                        slots.release()
                task = asyncio.create_task(self._handle(message))
                running.add(task)
                task.add_done_callback(running.discard)
                task.add_done_callback(lambda _: slots.release())
        finally:
            if running:
                await asyncio.wait(running)
            if subscription is not None:
                # Left to the client's drain, one whose fetches have timed out would hold it up for seconds.
                await self._answer(subscription.unsubscribe())

    async def _subscribe(self) -> JetStreamContext.PullSubscription:
        config = ConsumerConfig(
            durable_name=self._durable,
            filter_subject=self._subject,
            ack_policy=AckPolicy.EXPLICIT,
            deliver_policy=DeliverPolicy.ALL,
            ack_wait=ACK_WAIT_SECONDS,
            max_ack_pending=1000,
        )
        try:
            await self._bus.jetstream.consumer_info(self._stream, self._durable)
        except NotFoundError:
            await self._bus.jetstream.add_consumer(self._stream, config)
        return await self._bus.jetstream.pull_subscribe_bind(durable=self._durable, stream=self._stream)

    async def _handle(self, message: Msg) -> None:
        headers = dict(message.headers or {})
        delivery = Delivery(
            subject=message.subject,
            payload=message.data,
            message_id=headers.get("Nats-Msg-Id", ""),
            headers=headers,
            attempt=message.metadata.num_delivered or 1,
        )
        heartbeat = asyncio.create_task(self._keep_alive(message))
        try:
            await self._work(message, delivery)
        finally:
            heartbeat.cancel()

    async def _work(self, message: Msg, delivery: Delivery) -> None:
        """Handle a message as one unit of work, in the trace that it carries."""
        start = time.perf_counter()
        parent = delivery.headers.get(trace.TRACE_HEADER, "")
        with (
            trace.span(f"{self._durable} work", SpanKind.CONSUMER, parent=parent),
            unit_of_work(_log, "work", queue=self._durable, delivery=delivery.attempt) as line,
        ):
            try:
                await self._handle_or_fail(message, delivery, line)
            finally:
                outcome = str(line.get("outcome", "ok"))
                seconds = time.perf_counter() - start
                self._metrics.taken(self._durable, outcome, seconds, again=delivery.attempt > 1)

    async def _handle_or_fail(self, message: Msg, delivery: Delivery, line: Line) -> None:
        try:
            self._check_hope(delivery)
            await self._handler(delivery)
            reached("bus.handled")
        except asyncio.CancelledError:
            line["outcome"] = "cancelled"
            raise
        except Exception as error:  # noqa: BLE001 - whatever a handler raises is answered for here
            await self._failed(message, delivery, error)
        else:
            await self._answer(message.ack())

    def _is_hopeless(self, delivery: Delivery) -> bool:
        return self._max_deliveries is not None and delivery.attempt > self._max_deliveries

    def _check_hope(self, delivery: Delivery) -> None:
        if self._is_hopeless(delivery):
            raise Internal(part="the worker", reason="no process has come to the end of this work")

    async def _failed(self, message: Msg, delivery: Delivery, error: Exception) -> None:
        if delivery.attempt < self._max_attempts and not self._is_hopeless(delivery):
            note_failure(error, "retry")
            await self._answer(message.nak(delay=RETRY_DELAY_SECONDS * delivery.attempt))
            return
        note_failure(error, "given up")
        try:
            if self._give_up is not None:
                await self._give_up(delivery, error)
            await self._bus.publish(dead(self._durable), delivery.payload, f"dead-{delivery.message_id}")
        except Exception as failure:  # noqa: BLE001 - the answer itself failed: keep the message
            note_failure(failure, "retry")
            await self._answer(message.nak(delay=RETRY_DELAY_SECONDS))
            return
        self._metrics.given_up(self._durable)
        await self._answer(message.term())

    async def _keep_alive(self, message: Msg) -> None:
        while True:
            await asyncio.sleep(HEARTBEAT_SECONDS)
            await self._answer(message.in_progress())

    async def _answer(self, answer: Awaitable[None]) -> None:
        with contextlib.suppress(NatsError, OSError):  # unanswered, the message comes again: that is safe
            await answer
