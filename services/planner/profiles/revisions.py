"""Decides what counts as a change of a profile: its etag, and when a new revision is made.

Invariants: an equal spec never makes a revision; revisions count up from r1 by one and never change.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime

from libs.common.digests import Digest
from services.planner.profiles.spec import ProfileSpec, spec_digest

FIRST_REVISION = 1
_ETAG_UID_DIGITS = 8  # enough to tell a profile from one that had the same name before


@dataclass(frozen=True, slots=True)
class Profile:
    """A profile at its current revision; `version` counts its changes."""

    uid: str
    id: str
    display_name: str
    spec: ProfileSpec
    revision: int
    version: int
    created: datetime
    updated: datetime

    @property
    def etag(self) -> str:
        """Changes with every change of the profile."""
        return f"{self.uid[:_ETAG_UID_DIGITS]}-{self.version}"


@dataclass(frozen=True, slots=True)
class Revision:
    """A spec as it was saved once."""

    number: int
    spec: ProfileSpec
    digest: Digest
    created: datetime
    author: str

    @property
    def name(self) -> str:
        """Return `r1`, `r2` and so on."""
        return revision_id(self.number)


def revision_id(number: int) -> str:
    """Return `r1`, `r2` and so on."""
    return f"r{number}"


def changed(profile: Profile, display_name: str, spec: ProfileSpec, now: datetime) -> Profile:
    """Return the profile with new values; the same profile where they are equal to what it has."""
    same_spec = spec_digest(spec) == spec_digest(profile.spec)
    if same_spec and display_name == profile.display_name:
        return profile
    return replace(
        profile,
        display_name=display_name,
        spec=spec,
        revision=profile.revision if same_spec else profile.revision + 1,
        version=profile.version + 1,
        updated=now,
    )


def revision_of(profile: Profile, author: str) -> Revision:
    """Return the revision that a profile has just got."""
    return Revision(profile.revision, profile.spec, spec_digest(profile.spec), profile.updated, author)
