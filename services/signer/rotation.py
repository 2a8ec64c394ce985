"""Decides which key version signs, what a retired or revoked one is still good for, and what a change does.

Invariants: at most one version is active; versions count from 1 without gaps; no state ever goes back.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from services.signer.keys import KeyState, KeyVersion, NewKey


@dataclass(frozen=True, slots=True)
class Rotation:
    """A new version, and the one that it takes over from, if any."""

    retired: KeyVersion | None
    added: KeyVersion


def active(versions: Sequence[KeyVersion]) -> KeyVersion | None:
    """Return the version that signs, if any does."""
    return next((version for version in versions if version.state is KeyState.ACTIVE), None)


def may_sign(version: KeyVersion, moment: datetime) -> bool:
    """Say whether the version signs at `moment`: an active one from its first moment on, no other ever."""
    return version.state is KeyState.ACTIVE and version.valid_from <= moment


def verifies(version: KeyVersion, signed_at: datetime | None) -> bool:
    """Say whether a signature of this key counts; None means that nobody can tell when it was made.

    A revoked key may be in foreign hands, which can claim any time: what is not known to be older than the
    revocation does not count. A retired key is in nobody's hands, so an unknown time does no harm.
    """
    if version.state is KeyState.REVOKED:
        return signed_at is not None and _within(version, signed_at)
    return signed_at is None or _within(version, signed_at)


def _within(version: KeyVersion, moment: datetime) -> bool:
    return version.valid_from <= moment and (version.valid_until is None or moment < version.valid_until)


def rotate(versions: Sequence[KeyVersion], new: NewKey, moment: datetime) -> Rotation:
    """Let `new` sign from `moment` on; the version that signed until now is retired."""
    current = active(versions)
    retired = None if current is None else replace(current, state=KeyState.RETIRED, valid_until=moment)
    number = 1 + max((version.version for version in versions), default=0)
    return Rotation(retired, KeyVersion(number, new, KeyState.ACTIVE, moment, None))


def revoke(version: KeyVersion, moment: datetime) -> KeyVersion:
    """Let what the key made at `moment` or later count for nothing; the end of a retired key stays."""
    if version.state is KeyState.REVOKED:
        return version
    return replace(version, state=KeyState.REVOKED, valid_until=version.valid_until or moment)


def unused(offered: Sequence[str], versions: Sequence[KeyVersion]) -> tuple[str, ...]:
    """Return the keys in a provider that never were a version here, in order: candidates for the next one."""
    known = {version.key.reference for version in versions}
    return tuple(reference for reference in offered if reference not in known)
