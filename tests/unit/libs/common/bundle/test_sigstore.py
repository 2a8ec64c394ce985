"""Rules of Sigstore bundles."""

from __future__ import annotations

import hashlib
import json

import pytest

from libs.common.bundle.dsse import Envelope
from libs.common.bundle.faults import BadForm
from libs.common.bundle.sigstore import (
    MEDIA_TYPE,
    MessageSignature,
    SigstoreBundle,
    decode_bundle,
    encode_bundle,
)

MESSAGE = SigstoreBundle("aGludA==", MessageSignature(hashlib.sha256(b"").digest(), b"signature"))
ENVELOPE = SigstoreBundle("aGludA==", Envelope("application/vnd.in-toto+json", b"{}", (b"signature",)))
GOOD = encode_bundle(MESSAGE)


def test_a_message_bundle_has_the_members_that_cosign_wants() -> None:
    assert json.loads(GOOD) == {
        "mediaType": MEDIA_TYPE,
        "verificationMaterial": {"publicKey": {"hint": "aGludA=="}, "tlogEntries": []},
        "messageSignature": {
            "messageDigest": {
                "algorithm": "SHA2_256",
                "digest": "47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=",
            },
            "signature": "c2lnbmF0dXJl",
        },
    }


def test_an_envelope_bundle_holds_the_envelope() -> None:
    assert json.loads(encode_bundle(ENVELOPE))["dsseEnvelope"] == {
        "payload": "e30=",
        "payloadType": "application/vnd.in-toto+json",
        "signatures": [{"sig": "c2lnbmF0dXJl"}],
    }


@pytest.mark.parametrize("bundle", [MESSAGE, ENVELOPE])
def test_what_was_written_is_read(bundle: SigstoreBundle) -> None:
    assert decode_bundle(encode_bundle(bundle)) == bundle


def test_an_envelope_in_a_bundle_has_exactly_one_signature() -> None:
    two = SigstoreBundle("aGludA==", Envelope("t", b"", (b"one", b"two")))
    with pytest.raises(BadForm, match="exactly one"):
        decode_bundle(encode_bundle(two))


@pytest.mark.parametrize(
    ("old", "new", "path"),
    [
        (b"v0.3", b"v0.4", "$.mediaType"),
        (b'"tlogEntries":[]', b'"tlogEntries":[{}]', "$.verificationMaterial.tlogEntries"),
        (b',"tlogEntries":[]', b"", "$.verificationMaterial"),
        (b'"hint":"aGludA=="', b'"hint":1', "$.verificationMaterial.publicKey.hint"),
        (b'"publicKey"', b'"certificate"', "$.verificationMaterial"),
        (b"SHA2_256", b"SHA2_512", "$.messageSignature.messageDigest.algorithm"),
        (
            b"47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=",
            b"AAAA",
            "$.messageSignature.messageDigest.digest",
        ),
        (b'"c2lnbmF0dXJl"', b'"c2lnbmF0dXJl="', "$.messageSignature.signature"),
        (b'{"mediaType"', b'{"comment":"","mediaType"', "$"),
        (b'"messageSignature"', b'"dsseEnvelope"', "$"),
    ],
)
def test_every_other_spelling_is_refused_at_its_place(old: bytes, new: bytes, path: str) -> None:
    spoiled = GOOD.replace(old, new)
    assert spoiled != GOOD
    with pytest.raises(BadForm) as caught:
        decode_bundle(spoiled)
    assert caught.value.path == path
