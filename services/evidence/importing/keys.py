"""Decides the key under which a record is known in its source."""

from __future__ import annotations

import re

from services.evidence.importing.limits import MAX_KEY_BYTES

OWN, ID, PATH, ID_AND_PATH = "", "id", "path", "id+path"
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")


class NoKey(ValueError):
    """A record that cannot be named: `reason` is a stable name, the text says what would be right."""

    def __init__(self, reason: str, detail: str) -> None:
        super().__init__(detail)
        self.reason = reason


def key_of(mode: str, own_id: str, path: str) -> bytes:
    """Return the key: the own id, where there is none the path; or what `mode` says."""
    if mode in (ID, ID_AND_PATH) and not own_id:
        raise NoKey(
            "no-id", f"the document states no id; name its member with --id-field, or use --key {PATH}"
        )
    text = {
        OWN: own_id or path,
        ID: own_id,
        PATH: path,
        ID_AND_PATH: f"{own_id}@{path}",
    }[mode]
    key = text.encode()
    if len(key) > MAX_KEY_BYTES:
        raise NoKey(
            "key-too-long", f"its key has {len(key):,} bytes, {MAX_KEY_BYTES:,} are allowed; use --key {PATH}"
        )
    if _CONTROL.search(text):
        raise NoKey("bad-key", f"its key holds a control character: {text[:80]!a}; use --key {PATH}")
    return key
