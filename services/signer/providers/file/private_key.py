"""Signs with a private key in memory: one way for each algorithm, which cosign verifies and which repeats."""

from __future__ import annotations

from dataclasses import dataclass, field

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_der_private_key,
)

from libs.common.bundle.keys import BadKey, PublicKey, public_key
from services.signer.providers.file.sealed import BadKeyFile

_Key = ec.EllipticCurvePrivateKey | Ed25519PrivateKey | RSAPrivateKey


@dataclass(frozen=True, slots=True)
class FileKey:
    """A key that was read from a file; `reference` is the file's name in its folder."""

    reference: str
    public: PublicKey
    _key: _Key = field(repr=False, compare=False)

    def sign(self, message: bytes) -> bytes:
        """Return the signature over `message`; the same message gives the same bytes every time."""
        if isinstance(self._key, Ed25519PrivateKey):
            return self._key.sign(message)
        if isinstance(self._key, RSAPrivateKey):
            return self._key.sign(message, padding.PKCS1v15(), hashes.SHA256())
        return self._key.sign(message, ec.ECDSA(hashes.SHA256(), deterministic_signing=True))


def new_private_key() -> bytes:
    """Return a new ECDSA P-256 key as PKCS#8: the algorithm that every cosign verifies alike."""
    return ec.generate_private_key(ec.SECP256R1()).private_bytes(
        Encoding.DER, PrivateFormat.PKCS8, NoEncryption()
    )


def load_private_key(reference: str, private_der: bytes) -> FileKey:
    """Return the key in PKCS#8 bytes, or raise BadKeyFile where bundles are not signed with its kind."""
    try:
        key = load_der_private_key(private_der, password=None)
    except (ValueError, TypeError, UnsupportedAlgorithm) as error:
        raise BadKeyFile("what is encrypted in it is not a private key in PKCS#8") from error
    if not isinstance(key, _Key):
        raise BadKeyFile("its algorithm is not used; ECDSA P-256, Ed25519 and RSA are")
    try:
        return FileKey(reference, public_key(key.public_key()), key)
    except BadKey as error:
        raise BadKeyFile(error.reason) from error
