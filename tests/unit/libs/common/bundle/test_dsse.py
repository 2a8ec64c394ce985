"""Rules of DSSE envelopes."""

from __future__ import annotations

import base64

import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature

from libs.common.bundle.dsse import Envelope, decode_envelope, encode_envelope, pae
from libs.common.bundle.faults import BadForm

# The test vector of the DSSE protocol document, v1.0.2.
VECTOR_TYPE = "http://example.com/HelloWorld"
VECTOR_KEY = 97358161215184420915383655311931858321456579547487070936769975997791359926199
VECTOR_SIGNATURE = base64.b64decode(
    "A3JqsQGtVsJ2O2xqrI5IcnXip5GToJ3F+FnZ+O88SjtR6rDAajabZKciJTfUiHqJPcIAriEGAHTVeCUjW2JIZA=="
)
GOOD = b'{"payload":"aGVsbG8gd29ybGQ=","payloadType":"t","signatures":[{"sig":"AA=="}]}'


def test_the_encoding_is_that_of_the_published_vector() -> None:
    assert pae(VECTOR_TYPE, b"hello world") == b"DSSEv1 29 http://example.com/HelloWorld 11 hello world"


def test_the_published_signature_comes_out() -> None:
    key = ec.derive_private_key(VECTOR_KEY, ec.SECP256R1())
    message = pae(VECTOR_TYPE, b"hello world")
    r, s = decode_dss_signature(key.sign(message, ec.ECDSA(hashes.SHA256(), deterministic_signing=True)))
    assert r.to_bytes(32, "big") + s.to_bytes(32, "big") == VECTOR_SIGNATURE


def test_lengths_count_bytes() -> None:
    assert pae("é", "ø".encode()) == b"DSSEv1 2 \xc3\xa9 2 \xc3\xb8"


def test_an_envelope_is_canonical_json_without_key_id() -> None:
    assert encode_envelope(Envelope("t", b"hello world", (b"\0",))) == GOOD


def test_what_was_written_is_read() -> None:
    envelope = Envelope("application/x", bytes(range(256)), (b"one", b"two"))
    assert decode_envelope(encode_envelope(envelope)) == envelope


@pytest.mark.parametrize(
    ("old", "new", "path"),
    [
        (b'{"sig"', b'{"keyid":"","sig"', "$.signatures[0]"),
        (b'"signatures"', b'"extra":1,"signatures"', "$"),
        (b'[{"sig":"AA=="}]', b"[]", "$.signatures"),
        (b'[{"sig":"AA=="}]', b"{}", "$.signatures"),
        (b'"AA=="', b'"AB=="', "$.signatures[0].sig"),
        (b'"AA=="', b'"AA"', "$.signatures[0].sig"),
        (b'"AA=="', b'"AA==\\n"', "$.signatures[0].sig"),
        (b'"AA=="', b"1", "$.signatures[0].sig"),
        (b"aGVsbG8gd29ybGQ=", b"aGVsbG8gd29ybGR=", "$.payload"),
        (b"aGVsbG8gd29ybGQ=", b"-_8=", "$.payload"),
        (b'"t"', b"null", "$.payloadType"),
        (b'"t"', b' "t"', "$"),
        (b'{"payload"', b'{"payload":"","payload"', "$"),
    ],
)
def test_every_other_spelling_is_refused_at_its_place(old: bytes, new: bytes, path: str) -> None:
    assert old in GOOD
    with pytest.raises(BadForm) as caught:
        decode_envelope(GOOD.replace(old, new))
    assert caught.value.path == path


def test_more_signatures_than_any_rotation_has_are_refused() -> None:
    with pytest.raises(BadForm, match="1 to 16"):
        decode_envelope(encode_envelope(Envelope("t", b"", (b"\0",) * 17)))
