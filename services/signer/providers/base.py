"""Says what a key provider offers: the only way from this suite to a private key."""

from __future__ import annotations

from typing import Protocol

from libs.common.bundle.keys import PublicKey


class SigningKey(Protocol):
    """A private key that can be used but not seen."""

    @property
    def reference(self) -> str:
        """Name under which its provider opens it again; it holds no secret and no machine's path."""

    @property
    def public(self) -> PublicKey:
        """The public half."""

    def sign(self, message: bytes) -> bytes:
        """Return the signature over `message`; the same message gives the same bytes every time.

        ECDSA P-256 as DER with SHA-256 and the nonces of RFC 6979, RSA PKCS#1 v1.5 with SHA-256, or pure
        Ed25519: what cosign verifies with a public key alone.
        """


class KeyProvider(Protocol):
    """A place that keeps private keys; chosen by the scheme of a URI. Every call may block."""

    def create(self) -> SigningKey:
        """Make a new private key and keep it, so that it is there after a power cut."""

    def offered(self) -> tuple[str, ...]:
        """Return the references of all keys in this place, sorted."""

    def open(self, reference: str) -> SigningKey:
        """Return the key, or raise `KeyUnusable` with the reason."""
