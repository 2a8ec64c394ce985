from __future__ import annotations

import asyncio
import contextlib
import dataclasses
from collections.abc import AsyncIterator

import pytest
from stellaops.export.work.v1.work_pb2 import SignResult, SignWork

from libs.common.blobs.store import Blobs
from libs.common.bus.client import Bus
from libs.common.bus.subjects import RESULT_SIGN
from libs.common.bus.worker import Delivery, Worker
from libs.common.errors import Internal, Unavailable
from libs.common.trace import span
from services.signer.attempts import Attempts
from services.signer.intake import SignIntake
from services.signer.keyring import Keyring
from services.signer.sign import SignOrder
from services.signer.store.signatures import Signature
from tests.kit.infrastructure import Nats
from tests.kit.signing import sign_work, store_unsigned

TRACE = "00-0123456789abcdef0123456789abcdef-0123456789abcdef-01"


class Results:
    """Sign results in the order in which they came, as the planner gets them."""

    def __init__(self) -> None:
        self.queue: asyncio.Queue[tuple[SignResult, dict[str, str]]] = asyncio.Queue()

    async def take(self, delivery: Delivery) -> None:
        await self.queue.put((SignResult.FromString(delivery.payload), delivery.headers))

    async def next(self) -> tuple[SignResult, dict[str, str]]:
        return await asyncio.wait_for(self.queue.get(), 20)


@pytest.fixture
async def results(nats: Nats) -> AsyncIterator[Results]:
    bus = await nats.connect("planner")
    found = Results()
    worker = Worker(bus, stream="RESULT", durable="result-sign", subject=RESULT_SIGN, handler=found.take)
    task = asyncio.create_task(worker.run())
    yield found
    task.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await task
    await bus.close()


@pytest.fixture
async def bus(nats: Nats) -> AsyncIterator[Bus]:
    connected = await nats.connect("signer")
    yield connected
    await connected.close()


@pytest.fixture
def intake(bus: Bus, attempts: Attempts) -> SignIntake:
    return SignIntake(bus, attempts)


def delivery(work: SignWork, attempt: int = 1, **headers: str) -> Delivery:
    return Delivery("export.work.sign", work.SerializeToString(), "work-1", headers, attempt)


async def test_signed_work_is_answered_with_the_layout_and_the_key(
    intake: SignIntake, keyring: Keyring, blobs: Blobs, results: Results
) -> None:
    version = await keyring.ensure()
    work = sign_work(await store_unsigned(blobs, run="run-good"))
    await intake.handle(delivery(work))
    result, _ = await results.next()
    assert result.context == work.context
    assert result.done.key_hint == version.key.hint
    assert await blobs.size("acme", result.done.layout.digest) == result.done.layout.bytes


async def test_work_that_cannot_be_signed_is_answered_with_the_reason_at_once(
    intake: SignIntake, keyring: Keyring, blobs: Blobs, results: Results
) -> None:
    await keyring.ensure()
    order = await store_unsigned(blobs, run="run-bad")
    order = dataclasses.replace(order, manifest=await blobs.put("acme", b"{}"))
    await intake.handle(delivery(sign_work(order)))
    result, _ = await results.next()
    assert result.error.code == "ERR_EXPORT_INTERNAL"
    assert "export.json" in result.error.message
    assert (bool(result.error.cure), result.error.retryable) == (True, False)


async def test_the_trace_goes_on_with_the_answer(
    intake: SignIntake, keyring: Keyring, blobs: Blobs, results: Results
) -> None:
    await keyring.ensure()
    work = sign_work(await store_unsigned(blobs, run="run-trace"))
    with span("work", parent=TRACE):
        await intake.handle(delivery(work, other="stays here"))
    _, headers = await results.next()
    assert (headers["traceparent"], "other" in headers) == (TRACE, False)


class Failing(Attempts):
    """Attempts that all end in the same error."""

    def __init__(self, error: Exception) -> None:
        self._error = error

    async def sign_once(self, order: SignOrder) -> Signature:
        del order
        raise self._error


async def test_what_may_go_better_next_time_is_raised_so_that_the_work_comes_again(
    bus: Bus, blobs: Blobs
) -> None:
    intake = SignIntake(bus, Failing(Unavailable(dependency="the database", reason="it is down")))
    work = sign_work(await store_unsigned(blobs, run="run-later"))
    with pytest.raises(Unavailable):
        await intake.handle(delivery(work))


async def test_work_that_is_given_up_is_answered_with_the_last_reason(
    intake: SignIntake, blobs: Blobs, results: Results
) -> None:
    work = sign_work(await store_unsigned(blobs, run="run-gone"))
    last = Unavailable(dependency="the database", reason="it is down")
    await intake.give_up(delivery(work, attempt=5), last)
    result, _ = await results.next()
    assert result.context == work.context
    assert result.error.code == "ERR_EXPORT_WORK_GIVEN_UP"
    assert "the database does not answer" in result.error.message


async def test_the_text_of_an_unexpected_error_stays_inside(
    intake: SignIntake, blobs: Blobs, results: Results
) -> None:
    work = sign_work(await store_unsigned(blobs, run="run-odd"))
    await intake.give_up(delivery(work, attempt=5), ValueError("a secret"))
    result, _ = await results.next()
    assert "a secret" not in result.error.message


async def test_work_that_cannot_be_read_is_given_up_without_an_answer(
    intake: SignIntake, keyring: Keyring, blobs: Blobs, results: Results
) -> None:
    await keyring.ensure()
    unreadable = Delivery("export.work.sign", b"\xff", "work-2", {}, 5)
    await intake.give_up(unreadable, Internal(part="x", reason="y"))
    work = sign_work(await store_unsigned(blobs, run="run-next"))
    await intake.handle(delivery(work))
    result, _ = await results.next()
    assert result.context.run == "run-next"
