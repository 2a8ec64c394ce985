"""What counts as a change of a profile."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

from services.planner.profiles.revisions import Profile, changed, revision_of
from services.planner.profiles.spec import ProfileSpec, Selector, spec_digest

THEN = datetime(2026, 1, 1, tzinfo=UTC)
NOW = datetime(2026, 2, 1, tzinfo=UTC)
SPEC = ProfileSpec("json", "raw")
PROFILE = Profile("01234567-89ab", "nightly", "Nightly", SPEC, 3, 7, THEN, THEN)


def test_an_equal_spec_makes_no_revision() -> None:
    assert changed(PROFILE, "Nightly", replace(SPEC), NOW) == PROFILE


def test_a_changed_spec_makes_the_next_revision() -> None:
    new = changed(PROFILE, "Nightly", replace(SPEC, selector=Selector(ids=("CVE-1",))), NOW)
    assert (new.revision, new.version, new.updated) == (4, 8, NOW)


def test_a_changed_display_name_makes_no_revision_but_another_etag() -> None:
    new = changed(PROFILE, "Every night", SPEC, NOW)
    assert new.revision == PROFILE.revision
    assert new.etag != PROFILE.etag


def test_a_profile_of_the_same_name_has_another_etag() -> None:
    assert replace(PROFILE, uid="fedcba98-7654").etag != PROFILE.etag


def test_a_revision_holds_the_spec_and_its_digest() -> None:
    revision = revision_of(PROFILE, "ada")
    assert (revision.name, revision.spec, revision.digest) == ("r3", SPEC, spec_digest(SPEC))
    assert (revision.author, revision.created) == ("ada", THEN)
