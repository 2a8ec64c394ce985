"""Reads lines of packs: id, source and digest around a document, or around bytes that are none."""

from __future__ import annotations

import binascii
import re
from dataclasses import dataclass

import msgspec

from libs.common.canon.canonical import canonical
from libs.common.digests import sha256_digest
from services.evidence.importing.limits import MAX_URI_BYTES

_DIGEST = re.compile(r"[0-9a-f]{64}")
# How packs are written: members in this order, no escapes. The document is the rest of the line without the
# last bracket: if that is sound JSON by itself, nothing can stand beside it.
_USUAL = re.compile(
    rb'\{"id":"([^"\\\x00-\x1f]+)","src":"([^"\\\x00-\x1f]+)","sha256":"([0-9a-f]{64})","doc":'
)


class BadEnvelope(ValueError):
    """An envelope whose own members cannot be right; the text says what and what would be."""


@dataclass(frozen=True, slots=True)
class Envelope:
    """What a line of a pack says: a record's id, where it came from, its digest there, its bytes."""

    own_id: str
    uri: str
    digest: str
    raw: bytes


class _Packed(msgspec.Struct, forbid_unknown_fields=True):
    id: str
    src: str
    sha256: str
    doc: msgspec.Raw


class _PackedBytes(msgspec.Struct, forbid_unknown_fields=True):
    id: str
    src: str
    sha256: str
    b64: str
    reason: str = ""


# What a line of another shape, or no JSON at all, ends in; read as a document, it says what is wrong.
_NO_ENVELOPE = (msgspec.MsgspecError, UnicodeDecodeError, RecursionError)
_packed = msgspec.json.Decoder(_Packed)
_packed_bytes = msgspec.json.Decoder(_PackedBytes)


def read_usual(line: bytes) -> Envelope | None:
    """Return the envelope of a line written as packs usually are, provided that its `raw` is sound JSON.

    None, or a `raw` that is not, says nothing: `read` tells.
    """
    head = _USUAL.match(line)
    if head is None or not line.endswith(b"}"):
        return None
    own_id, uri, digest = head.groups()
    if len(uri) > MAX_URI_BYTES:
        return None
    try:
        return Envelope(own_id.decode(), uri.decode(), "sha256:" + digest.decode(), line[head.end() : -1])
    except UnicodeDecodeError:
        return None


def read(line: bytes) -> Envelope | None:
    """Return the envelope of a line, or None where the line is a document itself.

    Raises `canon.decode.Rejected` for an envelope that is no strict JSON, `BadEnvelope` for one that lies.
    """
    try:
        packed = _packed.decode(line)
    except _NO_ENVELOPE:
        return _read_bytes(line)
    canonical(line)
    return Envelope(packed.id, _uri(packed.src), _digest(packed.sha256), bytes(packed.doc))


def _read_bytes(line: bytes) -> Envelope | None:
    try:
        packed = _packed_bytes.decode(line)
    except _NO_ENVELOPE:
        return None
    canonical(line)
    digest = _digest(packed.sha256)
    try:
        raw = binascii.a2b_base64(packed.b64, strict_mode=True)
    except (binascii.Error, ValueError) as error:
        raise BadEnvelope(f"its `b64` is not base64 ({error}); encode the bytes again") from error
    if sha256_digest(raw) != digest:
        raise BadEnvelope("its `b64` has another digest than its `sha256` says; fetch the pack again")
    return Envelope(packed.id, _uri(packed.src), digest, raw)


def _uri(text: str) -> str:
    if not text or len(text.encode()) > MAX_URI_BYTES:
        raise BadEnvelope(f"its `src` is empty or longer than {MAX_URI_BYTES} bytes; name the source file")
    return text


def _digest(text: str) -> str:
    if not _DIGEST.fullmatch(text):
        raise BadEnvelope(
            "its `sha256` is not 64 lower-case hexadecimal digits; write the source file's digest"
        )
    return "sha256:" + text
