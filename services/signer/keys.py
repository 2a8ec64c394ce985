"""What the suite knows of a signing key: its public half, its version, what it may do and until when."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum


class KeyState(StrEnum):
    """What a key version may do."""

    ACTIVE = "active"
    RETIRED = "retired"
    REVOKED = "revoked"


@dataclass(frozen=True, slots=True)
class NewKey:
    """The public half of a key that a provider holds; `reference` opens it there."""

    hint: str
    algorithm: str
    public_key_pem: str
    reference: str


@dataclass(frozen=True, slots=True)
class KeyVersion:
    """A key and its life: it signs from `valid_from` until `valid_until`, which only an active key lacks."""

    version: int
    key: NewKey
    state: KeyState
    valid_from: datetime
    valid_until: datetime | None
