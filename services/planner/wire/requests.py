"""Reads what every request carries beside its matter: the parent, the request id."""

from __future__ import annotations

import re

from google.protobuf.message import Message

from libs.common.digests import sha256_digest
from libs.common.errors import InvalidField, TenantDenied
from libs.common.names import tenant_name
from services.planner.request import Request

_REQUEST_ID = re.compile(r"[A-Za-z0-9._:-]{0,64}")
_PLAIN = re.compile(r"[^\x00-\x1f\x7f]*")


def require_parent(parent: str, tenant: str) -> None:
    """Refuse a parent that is not the caller's tenant; an empty one is."""
    if parent and parent != tenant_name(tenant):
        raise TenantDenied


def require_plain(field: str, text: str) -> str:
    """Return the text, which must hold no control character."""
    if not _PLAIN.fullmatch(text):
        raise InvalidField(field=field, reason="it holds a control character; leave it out")
    return text


def read_request(message: Message, request_id: str) -> Request:
    """Return the id of a request and the digest of everything else in it."""
    if not _REQUEST_ID.fullmatch(request_id):
        reason = "it has other characters than letters, digits, `.`, `_`, `:` and `-`; a UUID is best"
        raise InvalidField(field="request_id", reason=reason)
    return Request(request_id, _digest(message))


def _digest(message: Message) -> str:
    copy = type(message)()
    copy.CopyFrom(message)
    copy.ClearField("request_id")
    name = message.DESCRIPTOR.full_name.encode("ascii")
    return sha256_digest(name + b"\n" + copy.SerializeToString(deterministic=True))
