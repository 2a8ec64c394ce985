"""What can happen to a run, what it then asks for, and what it tells the world."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from services.planner.runs.values import Amounts, BlobRef, Delivered, Failure, Progress, RunError, State


@dataclass(frozen=True, slots=True)
class Admitted:
    """The tenant has a free slot."""

    attempt: int


@dataclass(frozen=True, slots=True)
class Planned:
    """The work is cut into so many shards.

    `taken_over` is what they hold where an earlier run has made all of them of equal inputs.
    """

    attempt: int
    shards: int
    taken_over: Amounts | None = None


@dataclass(frozen=True, slots=True)
class Granted:
    """The first `upto` shards may be at work."""

    attempt: int
    upto: int


@dataclass(frozen=True, slots=True)
class ShardDone:
    """One shard is made; `output` lists its parts."""

    attempt: int
    shard: int
    output: BlobRef
    amounts: Amounts


@dataclass(frozen=True, slots=True)
class Assembled:
    """The bundle is made, unsigned."""

    attempt: int
    manifest: BlobRef
    layout: BlobRef
    files: int
    bundle_bytes: int


@dataclass(frozen=True, slots=True)
class Signed:
    """The bundle is signed; `layout` lists it whole."""

    attempt: int
    layout: BlobRef
    key_hint: str


@dataclass(frozen=True, slots=True)
class TargetDone:
    """One target has the bundle."""

    attempt: int
    target: str
    delivered: Delivered


@dataclass(frozen=True, slots=True)
class WorkFailed:
    """Work of one stage failed.

    `item` is the number of the shard or the id of the target, else empty. `number` says which time of asking
    it answers, 0 where the worker did not say.
    """

    attempt: int
    stage: State
    item: str
    number: int
    failure: Failure
    retryable: bool


@dataclass(frozen=True, slots=True)
class CancelAsked:
    """Somebody wants the run to stop."""


@dataclass(frozen=True, slots=True)
class RetryAsked:
    """Somebody wants what failed to run again."""


@dataclass(frozen=True, slots=True)
class Expired:
    """The bundle was kept for as long as it was to be."""


AttemptEvent = Admitted | Planned | Granted | ShardDone | Assembled | Signed | TargetDone | WorkFailed
Event = AttemptEvent | CancelAsked | RetryAsked | Expired


@dataclass(frozen=True, slots=True)
class SendWork:
    """Ask for the work of one stage; `item` and `number` are as in `WorkFailed`."""

    stage: State
    item: str = ""
    number: int = 1


@dataclass(frozen=True, slots=True)
class KeepOutput:
    """Remember what a shard made."""

    shard: int
    output: BlobRef


@dataclass(frozen=True, slots=True)
class StopWork:
    """Tell the workers to drop the attempt."""

    attempt: int


@dataclass(frozen=True, slots=True)
class LetGo:
    """Tell who keeps the bundle that nobody needs it any more."""


Command = SendWork | KeepOutput | StopWork | LetGo


class Type(StrEnum):
    """What a recorded event is called; part of the public contract."""

    CREATED = "created"
    STARTED = "started"
    PLANNED = "planned"
    SHARD_DONE = "shard_done"
    ASSEMBLED = "assembled"
    SIGNED = "signed"
    DISTRIBUTED = "distributed"
    TARGET_FAILED = "target_failed"
    RETRIED = "retried"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    CANCELLED = "cancelled"
    EXPIRED = "expired"


TERMINAL = frozenset({Type.SUCCEEDED, Type.FAILED, Type.CANCELLED})


@dataclass(frozen=True, slots=True)
class Happened:
    """One recorded event: position in the run without gaps, and the run as it was right after it."""

    sequence: int
    attempt: int
    type: Type
    time: datetime
    state: State
    stage: State | None
    message: str
    progress: Progress
    error: RunError | None = None

    @property
    def terminal(self) -> bool:
        """No event of this attempt follows, but for `expired`."""
        return self.type in TERMINAL
