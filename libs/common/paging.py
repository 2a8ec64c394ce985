"""Page tokens (AIP-158): opaque, safe in URLs, good for no list and filter but those that gave them out."""

from __future__ import annotations

import base64
import binascii
import hashlib
import json
from collections.abc import Sequence

from libs.common.errors import BadPageToken

_SCOPE_DIGITS = 16  # 64 bits: tells lists and filters apart; it is no secret and guards nothing


def page_size(asked: int, usual: int, most: int) -> int:
    """Return how many entries a page has: `usual` where 0 was asked for, never more than `most`."""
    return min(asked, most) if asked else usual


def page_token(scope: Sequence[str], position: Sequence[str]) -> str:
    """Return a token that goes on after `position`; `scope` names the list, its parent and its filter."""
    text = json.dumps([_digest(scope), *position], separators=(",", ":"))
    return base64.urlsafe_b64encode(text.encode("utf-8")).decode("ascii").rstrip("=")


def page_position(scope: Sequence[str], token: str, parts: int) -> tuple[str, ...] | None:
    """Return the position that a token holds, of `parts` parts, or None for the first page."""
    if not token:
        return None
    try:
        raw = base64.b64decode(token + "=" * (-len(token) % 4), altchars=b"-_", validate=True)
        found = json.loads(raw)
    except (binascii.Error, ValueError, RecursionError) as error:
        raise BadPageToken from error
    if not isinstance(found, list) or len(found) != parts + 1 or found[0] != _digest(scope):
        raise BadPageToken
    if not all(isinstance(part, str) for part in found):
        raise BadPageToken
    return tuple(found[1:])


def _digest(scope: Sequence[str]) -> str:
    return hashlib.sha256(json.dumps(list(scope)).encode("utf-8")).hexdigest()[:_SCOPE_DIGITS]
