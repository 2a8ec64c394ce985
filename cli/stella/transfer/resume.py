"""Decides how a download goes on: what is asked for, and what an answer means for what is there already.

Pure: files and the network are elsewhere. Invariant: bytes are appended only to a beginning that the server
has said to be of the same whole.
"""

from __future__ import annotations

import base64
import binascii
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum

STATE_VERSION = 1
_ETAG_DIGEST = re.compile(r'"(sha256:[0-9a-f]{64})"')
_REPR_DIGEST = re.compile(r"sha-256=:([A-Za-z0-9+/=]{44}):")
_CONTENT_RANGE = re.compile(r"bytes (\d{1,18})-(\d{1,18})/(\d{1,18})")
OK, PARTIAL, UNCHANGED, BEYOND = 200, 206, 304, 416
ACCEPTED = (OK, PARTIAL, UNCHANGED, BEYOND)


@dataclass(frozen=True, slots=True)
class Whole:
    """What is being fetched: who offers it (`source`), its digest, its length, the tag that names it."""

    source: str
    etag: str
    digest: str
    total: int


class Step(Enum):
    """What an answer means."""

    APPEND = "append"  # the body goes on where the file ends
    START_OVER = "start over"  # the body is a whole from the beginning
    FETCHED = "fetched"  # everything is there already
    ASK_AGAIN = "ask again"  # ask for the whole: nothing of what is there can be used


class BadAnswer(Exception):
    """An answer that no correct server gives; the text says how."""


def to_state(whole: Whole) -> bytes:
    """Return the state file that lies beside an unfinished download."""
    document = {
        "version": STATE_VERSION,
        "source": whole.source,
        "etag": whole.etag,
        "digest": whole.digest,
        "bytes": whole.total,
    }
    return json.dumps(document, indent=2).encode() + b"\n"


def from_state(raw: bytes, source: str) -> Whole | None:
    """Return what an unfinished download is of, or None where it cannot be gone on with."""
    try:
        document = json.loads(raw)
        whole = Whole(source, str(document["etag"]), str(document["digest"]), int(document["bytes"]))
    except (ValueError, TypeError, KeyError):
        return None
    same = document.get("version") == STATE_VERSION and document.get("source") == source
    return whole if same and whole.etag and whole.total >= 0 else None


def request_headers(whole: Whole | None, have: int, held_digest: str = "") -> dict[str, str]:
    """Return the headers that ask for what is missing; `held_digest` is that of a finished file there."""
    headers = {"Accept": "*/*", "Accept-Encoding": "identity"}
    if whole is not None and have:
        headers |= {"Range": f"bytes={have}-", "If-Range": whole.etag}
    elif held_digest:
        headers["If-None-Match"] = f'"{held_digest}"'
    return headers


def interpret(
    status: int, headers: Mapping[str, str], source: str, whole: Whole | None, have: int
) -> tuple[Step, Whole | None]:
    """Return what an answer means, and what is being fetched from now on."""
    if status == UNCHANGED:
        return Step.FETCHED, whole
    if status == BEYOND:
        return (Step.FETCHED if whole is not None and have == whole.total else Step.ASK_AGAIN), whole
    if status == OK:
        return Step.START_OVER, _whole(headers, source, _length(headers.get("content-length", "")))
    found = _CONTENT_RANGE.fullmatch(headers.get("content-range", ""))
    if found is None or whole is None:
        raise BadAnswer("it gives a part without saying which")
    start, end, total = (int(group) for group in found.groups())
    if start != have or end + 1 != total or total != whole.total:
        raise BadAnswer(f"it gives bytes {start} to {end} of {total}, not from {have} on")
    if headers.get("etag", whole.etag) != whole.etag:
        raise BadAnswer("it gives a part of another whole")
    return Step.APPEND, whole


def _whole(headers: Mapping[str, str], source: str, total: int) -> Whole:
    etag = headers.get("etag", "")
    found = _ETAG_DIGEST.fullmatch(etag)
    return Whole(source, etag, found[1] if found else _stated(headers), total)


def _stated(headers: Mapping[str, str]) -> str:
    found = _REPR_DIGEST.search(headers.get("repr-digest", ""))
    try:
        raw = base64.b64decode(found[1], validate=True) if found else b""
    except binascii.Error:
        raw = b""
    if not raw:
        raise BadAnswer("it does not state the digest of what it gives, so that cannot be checked")
    return f"sha256:{raw.hex()}"


def _length(text: str) -> int:
    if not text.isdecimal():
        raise BadAnswer("it does not state the length of what it gives")
    return int(text)
