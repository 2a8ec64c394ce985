"""What a run consists of while it goes on: states, counts, targets, results, errors."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class State(StrEnum):
    """Where a run is; the five in the middle are the stages of a running one."""

    QUEUED = "queued"
    PLANNING = "planning"
    ADAPTING = "adapting"
    ASSEMBLING = "assembling"
    SIGNING = "signing"
    DISTRIBUTING = "distributing"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    CANCELLED = "cancelled"
    EXPIRED = "expired"


STAGES = (State.PLANNING, State.ADAPTING, State.ASSEMBLING, State.SIGNING, State.DISTRIBUTING)
LIVE = frozenset({State.QUEUED, *STAGES})
ENDED = frozenset(State) - LIVE


class TargetState(StrEnum):
    """Where one target of a run is."""

    WAITING = "waiting"
    DONE = "done"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class BlobRef:
    """Digest (`sha256:…`) and length of stored bytes."""

    digest: str
    size: int


@dataclass(frozen=True, slots=True)
class Failure:
    """Why something failed, and what to do next."""

    code: str
    message: str
    cure: str


@dataclass(frozen=True, slots=True)
class RunError:
    """A failure and the stage it happened in."""

    failure: Failure
    stage: State


@dataclass(frozen=True, slots=True)
class Amounts:
    """What some shards hold together."""

    records: int = 0
    plain_bytes: int = 0
    stored_bytes: int = 0
    segments: int = 0
    segments_reused: int = 0

    def __add__(self, other: Amounts) -> Amounts:
        return Amounts(
            self.records + other.records,
            self.plain_bytes + other.plain_bytes,
            self.stored_bytes + other.stored_bytes,
            self.segments + other.segments,
            self.segments_reused + other.segments_reused,
        )


@dataclass(frozen=True, slots=True)
class Delivered:
    """What a target got."""

    digest: str
    size: int
    reference: str


@dataclass(frozen=True, slots=True)
class Target:
    """One destination of a run and how far it is."""

    id: str
    driver: str
    state: TargetState = TargetState.WAITING
    delivered: Delivered | None = None
    error: Failure | None = None


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a run is."""

    shards_total: int
    shards_done: int
    amounts: Amounts
    targets_total: int
    targets_done: int
