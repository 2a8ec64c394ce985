"""What is seen of a suite once it has come to rest: the values that invariants judge."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Event:
    """One recorded event of a run."""

    sequence: int
    attempt: int
    type: str


@dataclass(frozen=True, slots=True)
class Delivery:
    """The row of one target."""

    run: str
    target: str
    state: str
    attempt: int
    digest: str


@dataclass(frozen=True, slots=True)
class Bundle:
    """The row of one bundle, and the digest of what a client downloads of it."""

    run: str
    attempt: int
    tar_digest: str
    downloaded: str


@dataclass(frozen=True, slots=True)
class RunSeen:
    """The row of a run, and all that belongs to it."""

    id: str
    profile: str
    state: str
    attempt: int
    sequence: int
    targets: tuple[str, ...]
    events: tuple[Event, ...]
    deliveries: tuple[Delivery, ...]
    bundles: tuple[Bundle, ...]
    signed_attempts: tuple[int, ...]
    told: dict[str, int]  # messages in the stream of events, by type


@dataclass(frozen=True, slots=True)
class Store:
    """One tenant's area of the store: blobs that are there, those that rows lead to, remains of writes."""

    present: frozenset[str]
    needed: frozenset[str]
    remains: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Rest:
    """What is still to be done: messages unsent, messages by stream, messages taken and not answered."""

    outbox: int = 0
    messages: dict[str, int] = field(default_factory=dict)
    in_hand: dict[str, int] = field(default_factory=dict)

    @property
    def is_quiet(self) -> bool:
        """Tell whether nothing is to be done any more."""
        return not self.outbox and not any(self.messages.values()) and not any(self.in_hand.values())
