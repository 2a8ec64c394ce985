"""Names bytes by their SHA-256, written `sha256:` and 64 lower-case hexadecimal digits."""

import hashlib
import re
from collections.abc import Iterable
from typing import NewType

Bytes = bytes | bytearray | memoryview
Digest = NewType("Digest", str)

_PREFIX = "sha256:"
_FORM = re.compile(r"sha256:[0-9a-f]{64}\Z")
# A wrong digest may be any hostile text; an error shows no more of it than a right one has characters.
_SHOWN_CHARACTERS = 71


class BadDigest(ValueError):
    """A text that is no digest."""


def sha256_digest(data: Bytes) -> Digest:
    """Return the digest of `data`."""
    return Digest(_PREFIX + hashlib.sha256(data).hexdigest())


def sha256_digest_of(pieces: Iterable[Bytes]) -> Digest:
    """Return the digest of `pieces` joined, without joining them."""
    hasher = hashlib.sha256()
    for piece in pieces:
        hasher.update(piece)
    return Digest(_PREFIX + hasher.hexdigest())


def parse_digest(text: str) -> Digest:
    """Return `text` as a digest, or say what is wrong with it."""
    if _FORM.match(text) is None:
        shown = text[:_SHOWN_CHARACTERS]
        raise BadDigest(f"{shown!r} is no digest. Write `sha256:` and 64 lower-case hexadecimal digits.")
    return Digest(text)


def digest_hex(digest: Digest) -> str:
    """Return the hexadecimal digits of `digest`, for file and object names."""
    return digest[len(_PREFIX) :]
