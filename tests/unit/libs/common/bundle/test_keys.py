"""Rules of public keys and what verifies with them."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Callable

import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from libs.common.bundle.keys import BadKey, PublicKey, load_public_key, public_key

Sign = Callable[[bytes], bytes]


def p256() -> tuple[PublicKey, Sign]:
    key = ec.derive_private_key(7, ec.SECP256R1())
    return public_key(key.public_key()), lambda message: key.sign(message, ec.ECDSA(hashes.SHA256()))


def edwards() -> tuple[PublicKey, Sign]:
    key = ed25519.Ed25519PrivateKey.from_private_bytes(bytes(32))
    return public_key(key.public_key()), key.sign


def rsa_2048() -> tuple[PublicKey, Sign]:
    key = rsa.generate_private_key(65537, 2048)
    return public_key(key.public_key()), lambda message: key.sign(
        message, padding.PKCS1v15(), hashes.SHA256()
    )


@pytest.mark.parametrize(
    ("make", "algorithm"),
    [(p256, "ecdsa-p256-sha256"), (edwards, "ed25519"), (rsa_2048, "rsa-2048-pkcs1v15-sha256")],
)
def test_each_algorithm_verifies_its_own_signatures_alone(
    make: Callable[[], tuple[PublicKey, Sign]], algorithm: str
) -> None:
    key, sign = make()
    signature = sign(b"message")
    results = [
        key.verifies(signature, b"message"),
        key.verifies(signature, b"massage"),
        key.verifies(signature[:-1], b"message"),
        key.verifies(b"", b"message"),
    ]
    assert (key.algorithm, results) == (algorithm, [True, False, False, False])


def test_the_hint_is_base64_of_sha256_of_the_der_key() -> None:
    raw = ec.derive_private_key(7, ec.SECP256R1()).public_key()
    der = raw.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    assert public_key(raw).hint == base64.b64encode(hashlib.sha256(der).digest()).decode()


def test_a_key_is_read_from_pem() -> None:
    key, _ = p256()
    assert load_public_key(key.pem) == key


@pytest.mark.parametrize(
    "pem",
    [
        b"",
        b"-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----\n",
        b"\xff" * 100,
        b"x" * 20_000,
        ec.derive_private_key(7, ec.SECP384R1())
        .public_key()
        .public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo),
    ],
)
def test_what_is_no_key_of_ours_is_refused_by_name(pem: bytes) -> None:
    with pytest.raises(BadKey, match=r"keys/signer\.pub"):
        load_public_key(pem, "keys/signer.pub")


def test_a_short_rsa_key_is_refused() -> None:
    weak = rsa.generate_private_key(65537, 1024).public_key()  # noqa: S505 - the point of the test
    with pytest.raises(BadKey, match="2048 to 8192 bits"):
        public_key(weak)
