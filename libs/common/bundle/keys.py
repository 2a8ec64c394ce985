"""Reads public keys and verifies with them as cosign does: ECDSA P-256, Ed25519 and RSA PKCS#1 v1.5."""

from __future__ import annotations

import base64
import hashlib
from dataclasses import dataclass, field

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_pem_public_key

from libs.common.bundle.faults import BadBundle

MAX_PEM_BYTES = 16 * 1024  # an RSA key of 16,384 bits has under 3 KiB
MIN_RSA_BITS = 2048  # what cosign makes and NIST SP 800-131A allows
MAX_RSA_BITS = 8192  # a larger one makes each verification slow for no gain

_Key = ec.EllipticCurvePublicKey | Ed25519PublicKey | RSAPublicKey


class BadKey(BadBundle):
    """A public key that cannot be used."""


@dataclass(frozen=True, slots=True)
class PublicKey:
    """A public key that verifies bundles; `hint` names it as Sigstore does."""

    algorithm: str
    hint: str
    pem: bytes
    _key: _Key = field(repr=False, compare=False)

    def verifies(self, signature: bytes, message: bytes) -> bool:
        """Say whether `signature` was made over `message` by this key's owner."""
        try:
            if isinstance(self._key, Ed25519PublicKey):
                self._key.verify(signature, message)
            elif isinstance(self._key, RSAPublicKey):
                self._key.verify(signature, message, padding.PKCS1v15(), hashes.SHA256())
            else:
                self._key.verify(signature, message, ec.ECDSA(hashes.SHA256()))
        except InvalidSignature:
            return False
        return True


def key_hint(spki_der: bytes) -> str:
    """Return the hint that Sigstore gives a key: base64 of the SHA-256 of its DER SubjectPublicKeyInfo."""
    return base64.b64encode(hashlib.sha256(spki_der).digest()).decode("ascii")


def load_public_key(pem: bytes, name: str = "public key") -> PublicKey:
    """Return the key in `pem`; raise BadKey, which names it by `name`, where it is none that bundles use."""
    if len(pem) > MAX_PEM_BYTES:
        raise BadKey(name, f"the file has {len(pem)} bytes; a public key in PEM has at most {MAX_PEM_BYTES}")
    try:
        key = load_pem_public_key(pem)
    except (ValueError, UnsupportedAlgorithm) as error:
        raise BadKey(
            name, "the file is not a public key in PEM; give the `cosign.pub` of the signer"
        ) from error
    if not isinstance(key, _Key):
        raise BadKey(name, f"a {type(key).__name__} is not used; ECDSA P-256, Ed25519 and RSA are")
    return public_key(key, name)


def public_key(key: _Key, name: str = "public key") -> PublicKey:
    """Return a key of the `cryptography` package as a verifier of bundles."""
    der = key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    pem = key.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    return PublicKey(_algorithm(key, name), key_hint(der), pem, key)


def _algorithm(key: _Key, name: str) -> str:
    if isinstance(key, Ed25519PublicKey):
        return "ed25519"
    if isinstance(key, RSAPublicKey):
        if not MIN_RSA_BITS <= key.key_size <= MAX_RSA_BITS:
            raise BadKey(name, f"an RSA key has {MIN_RSA_BITS} to {MAX_RSA_BITS} bits, not {key.key_size}")
        return f"rsa-{key.key_size}-pkcs1v15-sha256"
    if not isinstance(key.curve, ec.SECP256R1):
        raise BadKey(name, f"curve {key.curve.name} is not used; P-256 is")
    return "ecdsa-p256-sha256"
