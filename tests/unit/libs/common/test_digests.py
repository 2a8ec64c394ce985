"""States how bytes are named."""

import pytest

from libs.common.digests import BadDigest, digest_hex, parse_digest, sha256_digest, sha256_digest_of

EMPTY = "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"


def test_digest_names_its_algorithm() -> None:
    assert sha256_digest(b"") == EMPTY


def test_digest_of_pieces_is_that_of_the_whole() -> None:
    assert sha256_digest_of([b"a", b"", bytearray(b"bc")]) == sha256_digest(b"abc")


def test_right_digest_is_taken() -> None:
    assert parse_digest(EMPTY) == EMPTY


def test_hexadecimal_digits_stand_alone_where_names_need_them() -> None:
    assert digest_hex(sha256_digest(b"")) == EMPTY[7:]


@pytest.mark.parametrize(
    "text",
    ["", EMPTY[7:], EMPTY[:-1], EMPTY + "0", EMPTY + "\n", EMPTY.upper(), "sha512:" + "0" * 64, "x" * 9999],
)
def test_wrong_digest_is_refused_with_the_right_form(text: str) -> None:
    with pytest.raises(BadDigest, match="64 lower-case") as caught:
        parse_digest(text)
    assert len(str(caught.value)) < 200
