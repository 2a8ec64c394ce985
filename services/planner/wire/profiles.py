"""Shows profiles and revisions as the contract's messages."""

from __future__ import annotations

from stellaops.export.v1 import profiles_pb2

from libs.common.names import profile_name, revision_name
from services.planner.profiles.revisions import Profile, Revision, revision_id
from services.planner.wire.spec import spec_to_message
from services.planner.wire.times import moment_message


def profile_message(tenant: str, profile: Profile) -> profiles_pb2.Profile:
    """Return a profile as a message."""
    return profiles_pb2.Profile(
        name=profile_name(tenant, profile.id),
        uid=profile.uid,
        display_name=profile.display_name,
        spec=spec_to_message(profile.spec),
        revision=revision_id(profile.revision),
        create_time=moment_message(profile.created),
        update_time=moment_message(profile.updated),
        etag=profile.etag,
    )


def revision_message(tenant: str, profile: str, revision: Revision) -> profiles_pb2.ProfileRevision:
    """Return a revision as a message."""
    return profiles_pb2.ProfileRevision(
        name=revision_name(tenant, profile, revision.name),
        snapshot=spec_to_message(revision.spec),
        spec_digest=revision.digest,
        create_time=moment_message(revision.created),
        author=revision.author,
    )
