from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.signer.providers.file.sealed import MAX_FILE_BYTES, BadKeyFile, seal, unseal

PRIVATE = b"not a key, but sealed all the same"
FILE = seal(PRIVATE, b"password", bytes(32), bytes(24))


@given(st.binary(max_size=2048))
def test_any_bytes_are_refused_in_one_way(file: bytes) -> None:
    with pytest.raises(BadKeyFile):
        unseal(file, b"password")


@given(st.text(alphabet="ABab01+/=\r\n", max_size=400))
def test_any_pem_body_is_refused_in_one_way(body: str) -> None:
    kind = "ENCRYPTED SIGSTORE PRIVATE KEY"
    with pytest.raises(BadKeyFile):
        unseal(f"-----BEGIN {kind}-----\n{body}\n-----END {kind}-----\n".encode(), b"password")


@settings(max_examples=30, deadline=None)  # an example that gets as far as scrypt takes a tenth of a second
@given(st.integers(0, len(FILE) - 1), st.integers(0, 255))
def test_a_changed_byte_is_refused_or_changes_nothing(position: int, value: int) -> None:
    changed = bytearray(FILE)
    changed[position] = value
    try:
        opened = unseal(bytes(changed), b"password")
    except BadKeyFile:
        return
    assert opened == PRIVATE


@given(st.integers(MAX_FILE_BYTES + 1, MAX_FILE_BYTES * 2))
def test_a_file_over_the_limit_is_refused_for_its_size(size: int) -> None:
    with pytest.raises(BadKeyFile, match="more than"):
        unseal(b"A" * size, b"password")
