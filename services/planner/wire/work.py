"""Turns what a run asks for into messages to the workers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from google.protobuf.message import Message
from stellaops.export.v1 import digests_pb2, runs_pb2, targets_pb2
from stellaops.export.work.v1 import work_pb2

from libs.common.bus import subjects
from libs.common.errors import TooLarge
from services.planner.profiles.revisions import revision_id
from services.planner.runs.evidence import Pin, Snapshot
from services.planner.runs.facts import Facts, Kept
from services.planner.runs.plan import KeyRange
from services.planner.runs.values import BlobRef
from services.planner.wire.spec import kind_number, selector_to_message
from services.planner.wire.times import time_message

# The bus takes 1 MiB a message, headers included.
MAX_MESSAGE_BYTES = 1_000_000
LEDGER = "ledger"


@dataclass(frozen=True, slots=True)
class Outgoing:
    """A message for the bus; the same `id` is stored once."""

    subject: str
    id: str
    payload: bytes


def context(facts: Facts, attempt: int, number: int = 1) -> work_pb2.WorkContext:
    """Return what tells a worker which run it works for."""
    return work_pb2.WorkContext(tenant=facts.tenant, run=facts.id, attempt=attempt, number=number)


def plan_work(kept: Kept, number: int) -> Outgoing:
    """Return the planner's message to itself."""
    work = work_pb2.PlanWork(context=context(kept.facts, kept.run.attempt, number))
    return _outgoing(subjects.WORK_PLAN, _id("plan", kept, "", number), work)


def adapt_work(kept: Kept, shard: int, ranges: Sequence[KeyRange], number: int) -> Outgoing:
    """Return the message for one shard."""
    spec = kept.facts.spec
    work = work_pb2.AdaptWork(
        context=context(kept.facts, kept.run.attempt, number),
        shard=shard,
        spec=_adapt_spec(kept.facts),
        ranges=[
            work_pb2.KeyRange(kind=kind_number(part.kind), source=part.source, start=part.start, end=part.end)
            for part in ranges
        ],
    )
    return _outgoing(
        subjects.work_adapt(spec.kind, spec.variant), _id("adapt", kept, str(shard), number), work
    )


def forget_work(facts: Facts, attempt: int) -> Outgoing:
    """Return the message that lets go of what the distributor keeps of a run."""
    work = work_pb2.ForgetWork(context=context(facts, attempt))
    return _outgoing(subjects.WORK_FORGET, f"forget-{facts.id}-{attempt}", work)


def assemble_work(kept: Kept, outputs: Sequence[BlobRef], snapshot: Snapshot, number: int) -> Outgoing:
    """Return the message for the assembly."""
    facts = kept.facts
    work = work_pb2.AssembleWork(
        context=context(facts, kept.run.attempt, number),
        spec=_adapt_spec(facts),
        shards=[blob_message(output) for output in outputs],
        header=work_pb2.ManifestHeader(
            export_id=facts.export_id,
            profile=facts.profile,
            revision=revision_id(facts.revision),
            generated_at=time_message(snapshot.as_of),
            inputs=[input_message(snapshot.pin)],
            plan_digest=facts.plan_digest,
        ),
    )
    subject = subjects.work_assemble(facts.spec.kind, facts.spec.variant)
    return _outgoing(subject, _id("assemble", kept, "", number), work)


def sign_work(kept: Kept, snapshot: Snapshot, number: int) -> Outgoing:
    """Return the message for the signature."""
    assert kept.run.manifest is not None
    assert kept.run.layout is not None
    work = work_pb2.SignWork(
        context=context(kept.facts, kept.run.attempt, number),
        manifest=blob_message(kept.run.manifest),
        layout=blob_message(kept.run.layout),
        materials=_materials(snapshot),
    )
    return _outgoing(subjects.WORK_SIGN, _id("sign", kept, "", number), work)


def distribute_work(kept: Kept, target_id: str, number: int) -> Outgoing:
    """Return the message for one target."""
    assert kept.run.manifest is not None
    assert kept.run.signed is not None
    (target,) = (target for target in kept.run.targets if target.id == target_id)
    work = work_pb2.DistributeWork(
        context=context(kept.facts, kept.run.attempt, number),
        target=targets_pb2.Target(id=target.id, driver=target.driver),
        manifest=blob_message(kept.run.manifest),
        layout=blob_message(kept.run.signed),
        export_id=kept.facts.export_id,
    )
    subject = subjects.work_distribute(target.driver)
    return _outgoing(subject, _id("distribute", kept, target.id, number), work)


def _id(stage: str, kept: Kept, item: str, number: int) -> str:
    parts = [stage, kept.facts.id, str(kept.run.attempt)]
    parts += [item] if item else []
    parts += [f"n{number}"] if number > 1 else []
    return "-".join(parts)


def _outgoing(subject: str, message_id: str, work: Message) -> Outgoing:
    payload = work.SerializeToString(deterministic=True)
    if len(payload) > MAX_MESSAGE_BYTES:
        raise TooLarge(what=f"Work message {message_id}", limit=f"{MAX_MESSAGE_BYTES:,} bytes")
    return Outgoing(subject, message_id, payload)


def _adapt_spec(facts: Facts) -> work_pb2.AdaptSpec:
    return work_pb2.AdaptSpec(
        kind=facts.spec.kind,
        variant=facts.spec.variant,
        version=facts.adapter.version,
        codec=digests_pb2.Codec(name="zstd", level=facts.codec.level, library=facts.codec.library),
        selector=selector_to_message(facts.spec.selector),
        snapshot_id=facts.snapshot_id,
        include=[kind_number(kind) for kind in facts.spec.include],
    )


def _materials(snapshot: Snapshot) -> list[work_pb2.Material]:
    """Return the snapshot and its datasets; the URIs name no machine."""
    whole = work_pb2.Material(
        name=LEDGER,
        uri="urn:stellaops:evidence",
        digest=snapshot.digest,
        records=snapshot.records,
        as_of=time_message(snapshot.as_of),
    )
    return [
        whole,
        *(
            work_pb2.Material(
                name=f"{LEDGER}/{dataset.name}",
                uri=f"urn:stellaops:evidence:{dataset.kind}:{dataset.source}",
                digest=dataset.digest,
                records=dataset.records,
                as_of=time_message(dataset.as_of),
            )
            for dataset in snapshot.datasets
        ),
    ]


def input_message(pin: Pin) -> runs_pb2.RunInput:
    """Return a snapshot as an input of a run."""
    return runs_pb2.RunInput(
        system=LEDGER,
        snapshot_id=pin.snapshot_id,
        digest=pin.digest,
        as_of=time_message(pin.as_of),
        records=pin.records,
    )


def blob_message(blob: BlobRef) -> digests_pb2.BlobRef:
    """Return a blob reference as a message."""
    return digests_pb2.BlobRef(digest=blob.digest, bytes=blob.size)
