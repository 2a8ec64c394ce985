"""Reads what comes from the bus: the planner's own plan work and the results of every stage."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from types import MappingProxyType

from google.protobuf.message import DecodeError
from stellaops.export.v1 import digests_pb2
from stellaops.export.work.v1 import work_pb2

from libs.common.names import RUN, TENANT
from services.planner.runs.events import (
    Assembled,
    AttemptEvent,
    ShardDone,
    Signed,
    TargetDone,
    WorkFailed,
)
from services.planner.runs.values import Amounts, BlobRef, Delivered, Failure, State

MAX_TEXT_CHARACTERS = 2_000  # what a worker's text may take in events and answers


class BadMessage(ValueError):
    """Bytes that are no message of this stage."""


@dataclass(frozen=True, slots=True)
class Received:
    """One message: the run and work it belongs to, and what it says happened; None for work to be done."""

    tenant: str
    run: str
    attempt: int
    stage: State
    item: str
    event: AttemptEvent | None


def receive(stage: State, payload: bytes) -> Received:
    """Return what a message of `stage` says."""
    try:
        return _READERS[stage](payload)
    except DecodeError as error:
        raise BadMessage(f"it cannot be read as a message of {stage}") from error


def _received(context: work_pb2.WorkContext, stage: State, item: str, event: AttemptEvent | None) -> Received:
    if not TENANT.fullmatch(context.tenant) or not RUN.fullmatch(context.run):
        raise BadMessage("it names no valid tenant and run")
    return Received(context.tenant, context.run, context.attempt, stage, item, event)


def _plan(payload: bytes) -> Received:
    return _received(work_pb2.PlanWork.FromString(payload).context, State.PLANNING, "", None)


def _adapt(payload: bytes) -> Received:
    result = work_pb2.AdaptResult.FromString(payload)
    context, done, item = result.context, result.done, str(result.shard)
    if result.WhichOneof("outcome") != "done":
        return _failed(context, State.ADAPTING, item, result.error)
    amounts = Amounts(done.records, done.plain_bytes, done.stored_bytes, done.segments, done.segments_reused)
    event = ShardDone(context.attempt, result.shard, _blob(done.output), amounts)
    return _received(context, State.ADAPTING, item, event)


def _assemble(payload: bytes) -> Received:
    result = work_pb2.AssembleResult.FromString(payload)
    context, done = result.context, result.done
    if result.WhichOneof("outcome") != "done":
        return _failed(context, State.ASSEMBLING, "", result.error)
    event = Assembled(context.attempt, _blob(done.manifest), _blob(done.layout), done.files, done.bytes)
    return _received(context, State.ASSEMBLING, "", event)


def _sign(payload: bytes) -> Received:
    result = work_pb2.SignResult.FromString(payload)
    context, done = result.context, result.done
    if result.WhichOneof("outcome") != "done":
        return _failed(context, State.SIGNING, "", result.error)
    event = Signed(context.attempt, _blob(done.layout), _text(done.key_hint))
    return _received(context, State.SIGNING, "", event)


def _distribute(payload: bytes) -> Received:
    result = work_pb2.DistributeResult.FromString(payload)
    context, done, item = result.context, result.done, _text(result.target_id)
    if result.WhichOneof("outcome") != "done":
        return _failed(context, State.DISTRIBUTING, item, result.error)
    delivered = Delivered(_text(done.digest), done.bytes, _text(done.reference))
    return _received(context, State.DISTRIBUTING, item, TargetDone(context.attempt, item, delivered))


_READERS: MappingProxyType[State, Callable[[bytes], Received]] = MappingProxyType(
    {
        State.PLANNING: _plan,
        State.ADAPTING: _adapt,
        State.ASSEMBLING: _assemble,
        State.SIGNING: _sign,
        State.DISTRIBUTING: _distribute,
    }
)


def _failed(context: work_pb2.WorkContext, stage: State, item: str, error: work_pb2.WorkError) -> Received:
    failure = Failure(_text(error.code), _text(error.message), _text(error.cure))
    event = WorkFailed(context.attempt, stage, item, context.number, failure, error.retryable)
    return _received(context, stage, item, event)


def _blob(message: digests_pb2.BlobRef) -> BlobRef:
    return BlobRef(_text(message.digest), message.bytes)


def _text(text: str) -> str:
    """Return a worker's text as the database takes it, of bounded length."""
    return text.replace("\x00", "")[:MAX_TEXT_CHARACTERS]
