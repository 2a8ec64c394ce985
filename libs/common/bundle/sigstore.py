"""Builds and reads Sigstore bundles v0.3 made with a public key, for a file or around a DSSE envelope.

The form is the one that cosign v2.4 to v3 and the Sigstore libraries all take: canonical JSON, `tlogEntries`
empty, a SHA-256 message digest, exactly one signature in an envelope.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from libs.common.bundle.dsse import MAX_ENVELOPE_BYTES, Envelope, envelope_from, envelope_value
from libs.common.bundle.faults import BadForm
from libs.common.bundle.strict_json import (
    exact_members,
    from_base64,
    read_json,
    text_member,
    to_base64,
)
from libs.common.canon.encode import encode

MEDIA_TYPE = "application/vnd.dev.sigstore.bundle.v0.3+json"
DIGEST_ALGORITHM = "SHA2_256"
DIGEST_BYTES = 32
MAX_BUNDLE_BYTES = MAX_ENVELOPE_BYTES + 4096  # an envelope of the largest size and the members around it


@dataclass(frozen=True, slots=True)
class MessageSignature:
    """A signature over a file, with the SHA-256 of the file."""

    digest: bytes
    signature: bytes


@dataclass(frozen=True, slots=True)
class SigstoreBundle:
    """What was signed, and the hint of the key that did it."""

    hint: str
    content: MessageSignature | Envelope


def encode_bundle(bundle: SigstoreBundle) -> bytes:
    """Return the bundle's one JSON form."""
    value: dict[str, Any] = {
        "mediaType": MEDIA_TYPE,
        "verificationMaterial": {"publicKey": {"hint": bundle.hint}, "tlogEntries": []},
    }
    if isinstance(bundle.content, MessageSignature):
        value["messageSignature"] = {
            "messageDigest": {"algorithm": DIGEST_ALGORITHM, "digest": to_base64(bundle.content.digest)},
            "signature": to_base64(bundle.content.signature),
        }
    else:
        value["dsseEnvelope"] = envelope_value(bundle.content)
    return encode(value)


def decode_bundle(raw: bytes) -> SigstoreBundle:
    """Return the bundle whose form is exactly `raw`; raise BadForm that names the member at fault."""
    value = read_json(raw, MAX_BUNDLE_BYTES)
    kind = "dsseEnvelope" if isinstance(value, dict) and "dsseEnvelope" in value else "messageSignature"
    members = exact_members(value, "$", {"mediaType", "verificationMaterial", kind})
    if members["mediaType"] != MEDIA_TYPE:
        raise BadForm("$.mediaType", f"`{MEDIA_TYPE}` is wanted")
    hint = _hint(members["verificationMaterial"], "$.verificationMaterial")
    if kind == "messageSignature":
        return SigstoreBundle(hint, _message_signature(members[kind], f"$.{kind}"))
    envelope = envelope_from(members[kind], f"$.{kind}")
    if len(envelope.signatures) != 1:
        raise BadForm(f"$.{kind}.signatures", "exactly one signature is wanted in a Sigstore bundle")
    return SigstoreBundle(hint, envelope)


def _hint(value: Any, path: str) -> str:
    members = exact_members(value, path, {"publicKey", "tlogEntries"})
    if members["tlogEntries"] != []:
        raise BadForm(
            f"{path}.tlogEntries", "an empty list is wanted; this format has no transparency log entries"
        )
    return text_member(
        exact_members(members["publicKey"], f"{path}.publicKey", {"hint"}), "hint", f"{path}.publicKey"
    )


def _message_signature(value: Any, path: str) -> MessageSignature:
    members = exact_members(value, path, {"messageDigest", "signature"})
    digest = exact_members(members["messageDigest"], f"{path}.messageDigest", {"algorithm", "digest"})
    if digest["algorithm"] != DIGEST_ALGORITHM:
        raise BadForm(f"{path}.messageDigest.algorithm", f"`{DIGEST_ALGORITHM}` is wanted")
    found = from_base64(
        text_member(digest, "digest", f"{path}.messageDigest"), f"{path}.messageDigest.digest"
    )
    if len(found) != DIGEST_BYTES:
        raise BadForm(f"{path}.messageDigest.digest", f"{DIGEST_BYTES} bytes are wanted, not {len(found)}")
    return MessageSignature(found, from_base64(text_member(members, "signature", path), f"{path}.signature"))
