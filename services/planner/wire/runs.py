"""Shows runs and their events as the contract's messages."""

from __future__ import annotations

from types import MappingProxyType

from stellaops.export.v1 import runs_pb2

from libs.common.names import profile_name, run_name
from services.planner.profiles.revisions import revision_id
from services.planner.runs.events import Happened
from services.planner.runs.evidence import Pin
from services.planner.runs.facts import Facts, Kept
from services.planner.runs.values import STAGES, Progress, RunError, State
from services.planner.wire.spec import selector_to_message
from services.planner.wire.times import moment_message
from services.planner.wire.work import blob_message, input_message

_STATES = MappingProxyType(
    {
        State.QUEUED: runs_pb2.Run.STATE_QUEUED,
        State.SUCCEEDED: runs_pb2.Run.STATE_SUCCEEDED,
        State.FAILED: runs_pb2.Run.STATE_FAILED,
        State.CANCELLED: runs_pb2.Run.STATE_CANCELLED,
        State.EXPIRED: runs_pb2.Run.STATE_EXPIRED,
        **dict.fromkeys(STAGES, runs_pb2.Run.STATE_RUNNING),
    }
)
_STAGES = MappingProxyType(
    {
        State.PLANNING: runs_pb2.Run.STAGE_PLANNING,
        State.ADAPTING: runs_pb2.Run.STAGE_ADAPTING,
        State.ASSEMBLING: runs_pb2.Run.STAGE_ASSEMBLING,
        State.SIGNING: runs_pb2.Run.STAGE_SIGNING,
        State.DISTRIBUTING: runs_pb2.Run.STAGE_DISTRIBUTING,
    }
)


def states_of(public: runs_pb2.Run.State.ValueType) -> frozenset[State]:
    """Return the states that one public state stands for; none for the unstated one."""
    return frozenset(state for state, shown in _STATES.items() if shown == public)


def run_message(kept: Kept, pin: Pin | None) -> runs_pb2.Run:
    """Return a run as a message."""
    run = kept.run
    message = described(kept.facts, pin)
    message.name = run_name(kept.facts.tenant, kept.facts.id)
    message.state = _STATES[run.state]
    message.stage = _stage(run.stage)
    message.progress.CopyFrom(_progress(run.progress))
    message.attempt = run.attempt
    message.etag = str(kept.version)
    message.create_time.FromDatetime(kept.facts.created)
    if run.manifest is not None:
        message.manifest.CopyFrom(blob_message(run.manifest))
    if run.error is not None:
        message.error.CopyFrom(_error(run.error))
    message.MergeFrom(
        runs_pb2.Run(start_time=moment_message(run.started), end_time=moment_message(run.ended))
    )
    return message


def described(facts: Facts, pin: Pin | None) -> runs_pb2.Run:
    """Return what a run would be, before it is one: without name, state and times."""
    return runs_pb2.Run(
        profile=profile_name(facts.tenant, facts.profile),
        revision=revision_id(facts.revision),
        kind=facts.spec.kind,
        variant=facts.spec.variant,
        selector=selector_to_message(facts.selector),
        inputs=[] if pin is None else [input_message(pin)],
        export_id=facts.export_id,
        actor=facts.actor,
    )


def event_message(happened: Happened) -> runs_pb2.RunEvent:
    """Return a recorded event as a message."""
    message = runs_pb2.RunEvent(
        sequence=happened.sequence,
        type=happened.type.value,
        time=moment_message(happened.time),
        state=_STATES[happened.state],
        stage=_stage(happened.stage),
        message=happened.message,
        progress=_progress(happened.progress),
        terminal=happened.terminal,
    )
    if happened.error is not None:
        message.error.CopyFrom(_error(happened.error))
    return message


def _stage(stage: State | None) -> runs_pb2.Run.Stage.ValueType:
    return runs_pb2.Run.STAGE_UNSPECIFIED if stage is None else _STAGES[stage]


def _progress(progress: Progress) -> runs_pb2.RunProgress:
    amounts = progress.amounts
    return runs_pb2.RunProgress(
        shards_total=progress.shards_total,
        shards_done=progress.shards_done,
        records=amounts.records,
        plain_bytes=amounts.plain_bytes,
        stored_bytes=amounts.stored_bytes,
        segments_reused=amounts.segments_reused,
        segments=amounts.segments,
        targets_total=progress.targets_total,
        targets_done=progress.targets_done,
    )


def _error(error: RunError) -> runs_pb2.RunError:
    failure = error.failure
    return runs_pb2.RunError(
        code=failure.code, message=failure.message, cure=failure.cure, stage=_stage(error.stage)
    )
