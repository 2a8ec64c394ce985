"""Reads the JSON files of a bundle in their one spelling: canonical JSON, known members, canonical base64."""

from __future__ import annotations

import base64
import binascii
import re
from itertools import islice
from typing import Any

from libs.common.bundle.faults import BadForm
from libs.common.canon.canonical import canonical
from libs.common.canon.decode import Rejected

# An index of 75 GiB of evidence (75,000 segments of about 430 bytes): the most that is read at once.
MAX_JSON_BYTES = 32 * 1024 * 1024
# The same index has 900,000 values, a manifest of 100,000 files too. A value takes some 100 bytes once read.
MAX_JSON_VALUES = 1_200_000
# Ten thousand sources take 3 MiB of it, the largest selectors 1 MiB; no signer makes a larger one.
MAX_PROVENANCE_BYTES = 8 * 1024 * 1024
_TEXT_OR_MARK = re.compile(rb'"(?:[^"\\]|\\.)*+"|([,\[{])', re.DOTALL)


def read_json(raw: bytes, limit: int) -> Any:
    """Return the JSON value whose canonical form is `raw`, of at most `limit` bytes; else raise BadForm."""
    if len(raw) > limit:
        raise BadForm("$", f"the file has {len(raw)} bytes, more than the {limit} that are read")
    if _has_too_many_values(raw):
        raise BadForm("$", f"the file has more than {MAX_JSON_VALUES} values, the most that are read")
    try:
        form, value = canonical(raw)
    except Rejected as error:
        raise BadForm("$", f"the file is not JSON of this format: {error}") from error
    if form != raw:
        raise BadForm("$", "the file is not canonical JSON (RFC 8785): same content, other bytes")
    return value


def _has_too_many_values(raw: bytes) -> bool:
    """Tell whether there are too many; commas and brackets in texts are left out where it would matter."""
    if raw.count(b",") + raw.count(b"[") + raw.count(b"{") <= MAX_JSON_VALUES:
        return False
    marks = (found for found in _TEXT_OR_MARK.finditer(raw) if found[1])
    return next(islice(marks, MAX_JSON_VALUES, None), None) is not None


def exact_members(value: Any, path: str, wanted: set[str]) -> dict[str, Any]:
    """Return `value` if it is an object with exactly the members `wanted`."""
    if not isinstance(value, dict) or set(value) != wanted:
        raise BadForm(path, f"an object with exactly the members {', '.join(sorted(wanted))} is wanted")
    return value


def text_member(members: dict[str, Any], name: str, path: str) -> str:
    """Return the text under `name`."""
    content = members[name]
    if not isinstance(content, str):
        raise BadForm(f"{path}.{name}", "a text is wanted")
    return content


def to_base64(data: bytes) -> str:
    """Return standard padded base64 without line breaks."""
    return base64.b64encode(data).decode("ascii")


def from_base64(text: str, path: str) -> bytes:
    """Return the bytes whose canonical base64 is `text`; raise BadForm at `path` for another spelling."""
    try:
        data = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError) as error:
        raise BadForm(path, "standard padded base64 is wanted") from error
    # All but the last group of four can be spelt in one way alone, once padding is where it belongs.
    if len(text) != -(-len(data) // 3) * 4 or to_base64(data[(len(data) - 1) // 3 * 3 :]) != text[-4:]:
        raise BadForm(path, "the base64 has unused bits set; its canonical spelling is wanted")
    return data
