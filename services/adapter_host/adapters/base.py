"""What an adapter is: it says what it writes, checks a spec, and turns the records of one segment."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from services.adapter_host.selection import Selection


@dataclass(frozen=True, slots=True)
class About:
    """What an adapter says of itself; `version` changes whenever its bytes do, for it is part of the plan."""

    kind: str
    variant: str
    version: str
    schema: str
    default_include: tuple[str, ...]
    description: str

    @property
    def name(self) -> str:
        """`kind:variant`."""
        return f"{self.kind}:{self.variant}"


@dataclass(frozen=True, slots=True)
class Spec:
    """What a profile asks of its adapter."""

    include: tuple[str, ...]
    selection: Selection


@dataclass(frozen=True, slots=True)
class Fault:
    """What is wrong with one field of a spec, and what would be right."""

    field: str
    description: str


@dataclass(frozen=True, slots=True)
class Batch:
    """The records of one segment: documents and their sources, one a line, in the same order."""

    documents: bytes
    sources: bytes


class Transform(Protocol):
    """A pure function of a batch; equal digests mean equal results, so that results are kept under them."""

    @property
    def digest(self) -> str:
        """`sha256:…` of all that decides the result."""

    def apply(self, batch: Batch) -> Batch:
        """Return what leaves of the batch: the same order, line by line with its sources, perhaps nothing."""


class Adapter(Protocol):
    """One folder's `ADAPTER`."""

    @property
    def about(self) -> About:
        """What it is."""

    def validate(self, spec: Spec) -> Sequence[Fault]:
        """Return what is wrong with a spec that keeps the rules of the contract; nothing when it is valid."""

    def transform(self, selection: Selection) -> Transform | None:
        """Return what turns each segment, or None where segments leave as they came."""
