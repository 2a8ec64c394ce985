"""Builds and reads DSSE envelopes: what is signed is the pre-authentication encoding, never the envelope.

The form: canonical JSON, standard padded base64, one signature or more, no `keyid` (a wrong one makes cosign
skip the signature, and none is needed where the key is given).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from libs.common.bundle.faults import BadForm
from libs.common.bundle.strict_json import (
    MAX_JSON_BYTES,
    exact_members,
    from_base64,
    read_json,
    text_member,
    to_base64,
)
from libs.common.canon.encode import encode

MANIFEST_PAYLOAD_TYPE = "application/vnd.stellaops.export.manifest+json"
STATEMENT_PAYLOAD_TYPE = "application/vnd.in-toto+json"

MAX_SIGNATURES = 16  # more keys than any rotation has at once
MAX_ENVELOPE_BYTES = (
    MAX_JSON_BYTES // 3 * 4 + 64 * 1024
)  # a payload of the largest size in base64, and signatures


@dataclass(frozen=True, slots=True)
class Envelope:
    """A payload, what it is, and signatures over both."""

    payload_type: str
    payload: bytes
    signatures: tuple[bytes, ...]

    def signed_bytes(self) -> bytes:
        """Return the bytes that each signature is over."""
        return pae(self.payload_type, self.payload)


def pae(payload_type: str, payload: bytes) -> bytes:
    """Return the pre-authentication encoding of DSSE v1; lengths count bytes."""
    kind = payload_type.encode("utf-8")
    return b"DSSEv1 %d %b %d %b" % (len(kind), kind, len(payload), payload)


def encode_envelope(envelope: Envelope) -> bytes:
    """Return the envelope's one JSON form."""
    return encode(envelope_value(envelope))


def envelope_value(envelope: Envelope) -> dict[str, Any]:
    """Return the envelope as a JSON value, to stand alone or in a Sigstore bundle."""
    return {
        "payload": to_base64(envelope.payload),
        "payloadType": envelope.payload_type,
        "signatures": [{"sig": to_base64(signature)} for signature in envelope.signatures],
    }


def decode_envelope(raw: bytes) -> Envelope:
    """Return the envelope whose form is exactly `raw`; raise BadForm that names the member at fault."""
    return envelope_from(read_json(raw, MAX_ENVELOPE_BYTES), "$")


def envelope_from(value: Any, path: str) -> Envelope:
    """Return the envelope in a JSON value; raise BadForm below `path`."""
    members = exact_members(value, path, {"payload", "payloadType", "signatures"})
    signatures = members["signatures"]
    if not isinstance(signatures, list) or not 1 <= len(signatures) <= MAX_SIGNATURES:
        raise BadForm(f"{path}.signatures", f"a list of 1 to {MAX_SIGNATURES} signatures is wanted")
    return Envelope(
        text_member(members, "payloadType", path),
        from_base64(text_member(members, "payload", path), f"{path}.payload"),
        tuple(_signature(entry, f"{path}.signatures[{at}]") for at, entry in enumerate(signatures)),
    )


def _signature(entry: Any, path: str) -> bytes:
    return from_base64(text_member(exact_members(entry, path, {"sig"}), "sig", path), f"{path}.sig")
