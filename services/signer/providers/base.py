"""Says what a key provider offers: the only way from this suite to a private key.

A provider is a folder beside this file whose module `provider` has `PROVIDER`; tests/conformance is its
specification.
"""

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


class KeyProviderKind(Protocol):
    """A kind of place, for all URIs of its scheme."""

    @property
    def scheme(self) -> str:
        """Scheme of the URIs, without `://`."""

    def from_uri(self, uri: str, password_file: str) -> KeyProvider:
        """Return the provider of one place, or raise `BadSetting` that names the setting at fault."""
