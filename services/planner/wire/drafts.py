"""Reads what a client wants a profile to be: whole, or the fields that its mask names."""

from __future__ import annotations

from google.protobuf.field_mask_pb2 import FieldMask
from google.protobuf.message import Message
from stellaops.export.v1 import profiles_pb2

from libs.common.errors import InvalidField
from services.planner.editing import Draft
from services.planner.profiles.revisions import Profile
from services.planner.wire.requests import require_plain
from services.planner.wire.spec import spec_from_message, spec_to_message

EVERYTHING = "*"
_EDITABLE = ("display_name", "spec")


def new_draft(message: profiles_pb2.Profile) -> Draft:
    """Return what a new profile should be."""
    display_name = require_plain("profile.display_name", message.display_name)
    return Draft(display_name, spec_from_message("profile.spec", message.spec))


def check_mask(mask: FieldMask) -> None:
    """Refuse a path that is no field of a profile or that a client cannot set."""
    for path in mask.paths:
        known = FieldMask(paths=[path]).IsValidForDescriptor(profiles_pb2.Profile.DESCRIPTOR)
        if path != EVERYTHING and (not known or path.partition(".")[0] not in _EDITABLE):
            reason = f"`{path[:80]}` cannot be set; name `display_name`, `spec` or a field of the spec"
            raise InvalidField(field="update_mask", reason=reason)


def edited(message: profiles_pb2.Profile, mask: FieldMask, profile: Profile) -> Draft:
    """Return `profile` with the fields of the mask taken from `message`; no mask means every set one."""
    paths = list(mask.paths)
    if not paths:
        paths = [name for name in _EDITABLE if name == "spec" or message.display_name]
    elif EVERYTHING in paths:
        paths = list(_EDITABLE)
    merged = profiles_pb2.Profile(display_name=profile.display_name, spec=spec_to_message(profile.spec))
    FieldMask(paths=paths).MergeMessage(
        _with_parents(message, paths), merged, replace_message_field=True, replace_repeated_field=True
    )
    return new_draft(merged)


def _with_parents(message: profiles_pb2.Profile, paths: list[str]) -> profiles_pb2.Profile:
    """Return the message with all messages set that paths lead through: the merge passes over unset ones."""
    copy = profiles_pb2.Profile()
    copy.CopyFrom(message)
    for path in paths:
        found: Message = copy
        for name in path.split(".")[:-1]:
            found = getattr(found, name)
            found.SetInParent()
    return copy
