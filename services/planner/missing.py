"""Words for what is not there: an id of another tenant reads like one that never was."""

from __future__ import annotations

from libs.common.errors import ProfileNotFound, RunNotFound


def no_profile(profile_id: str) -> ProfileNotFound:
    """Return the error for a profile that the tenant does not have."""
    return ProfileNotFound(name=_as_asked(profile_id))


def no_run(run_id: str) -> RunNotFound:
    """Return the error for a run that the tenant does not have."""
    return RunNotFound(name=_as_asked(run_id))


def _as_asked(found: str) -> str:
    """Return the id without the mark that `names.last_id` puts on one of another tenant."""
    return found.partition("@")[0]
