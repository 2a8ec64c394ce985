"""Takes sign work from the bus and answers with the signed bundle, or with the reason why there is none."""

from __future__ import annotations

from google.protobuf.message import DecodeError
from stellaops.export.v1.digests_pb2 import BlobRef
from stellaops.export.work.v1.work_pb2 import Material as MaterialMessage
from stellaops.export.work.v1.work_pb2 import Signed, SignResult, SignWork, WorkContext

from libs.common import trace
from libs.common.blobs.store import Blob
from libs.common.bus.client import Bus
from libs.common.bus.subjects import RESULT_SIGN
from libs.common.bus.worker import Delivery
from libs.common.errors import ExportError, WorkGivenUp
from libs.common.log import note, note_failure
from libs.common.points import reached
from libs.common.rpc.status import work_error
from services.signer.attempts import Attempts
from services.signer.sign import SignOrder
from services.signer.statement import Material

STAGE = "sign"
MAX_ATTEMPTS = 5  # with the worker's pauses about ten seconds: a restart of database or bus is outlasted


class SignIntake:
    """A second delivery of the same work finds the signature in the log and sends the same answer again."""

    def __init__(self, bus: Bus, attempts: Attempts) -> None:
        self._bus = bus
        self._attempts = attempts

    async def handle(self, delivery: Delivery) -> None:
        """Sign and answer; what may go better next time is raised, so that the work comes again."""
        work = SignWork.FromString(delivery.payload)
        result = SignResult(context=work.context)
        try:
            result.done.CopyFrom(await self._sign(work))
        except ExportError as error:
            if error.retryable:
                raise
            note_failure(error)
            result.error.CopyFrom(work_error(error))
        await self._answer(result)

    async def give_up(self, delivery: Delivery, error: Exception) -> None:
        """Answer for work that failed at every delivery; what cannot be read has nobody to answer to."""
        try:
            context = SignWork.FromString(delivery.payload).context
        except DecodeError:
            return
        last = error if isinstance(error, ExportError) else type(error).__name__
        given_up = WorkGivenUp(stage=STAGE, attempts=delivery.attempt, reason=last)
        await self._answer(SignResult(context=context, error=work_error(given_up)))

    async def _sign(self, work: SignWork) -> Signed:
        order = _order(work)
        note(tenant=order.tenant, run=order.run, stage=STAGE, attempt=order.attempt)
        with trace.span("sign"):
            signature = await self._attempts.sign_once(order)
        reached("signer.committed")
        note(key_hint=signature.key_hint, bytes=order.manifest.size)
        layout = BlobRef(digest=signature.layout.digest, bytes=signature.layout.size)
        return Signed(layout=layout, key_hint=signature.key_hint)

    async def _answer(self, result: SignResult) -> None:
        payload = result.SerializeToString(deterministic=True)
        await self._bus.publish(RESULT_SIGN, payload, _message_id(result.context))


def _message_id(context: WorkContext) -> str:
    return f"{context.tenant}.{context.run}.{context.attempt}.{context.number}.{STAGE}.result"


def _order(work: SignWork) -> SignOrder:
    context = work.context
    return SignOrder(
        context.tenant,
        context.run,
        context.attempt,
        _blob(work.manifest),
        _blob(work.layout),
        tuple(_material(material) for material in work.materials),
    )


def _blob(reference: BlobRef) -> Blob:
    return Blob(reference.digest, reference.bytes)


def _material(message: MaterialMessage) -> Material:
    as_of = message.as_of.ToJsonString() if message.HasField("as_of") else ""
    return Material(message.name, message.uri, message.digest, message.records, as_of)
