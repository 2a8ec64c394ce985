from __future__ import annotations

import base64
import json

import pytest
from nacl.secret import SecretBox

from services.signer.providers.file.sealed import BadKeyFile, seal, unseal

PRIVATE = b"not a key, but sealed all the same"
PASSWORD = b"correct horse"
SALT = bytes(range(32))
NONCE = bytes(range(24))
FILE = seal(PRIVATE, PASSWORD, SALT, NONCE)
BEGIN = b"-----BEGIN ENCRYPTED SIGSTORE PRIVATE KEY-----\n"
END = b"\n-----END ENCRYPTED SIGSTORE PRIVATE KEY-----\n"


def contents(file: bytes) -> dict[str, object]:
    lines = file.decode().splitlines()[1:-1]
    return json.loads(base64.b64decode("".join(lines)))  # type: ignore[no-any-return] # a JSON object by format


def wrapped(document: object, kind: str = "ENCRYPTED SIGSTORE PRIVATE KEY") -> bytes:
    body = base64.b64encode(json.dumps(document).encode()).decode()
    return f"-----BEGIN {kind}-----\n{body}\n-----END {kind}-----\n".encode()


def test_what_was_sealed_is_opened_by_its_password() -> None:
    assert unseal(FILE, PASSWORD) == PRIVATE


def test_an_empty_password_is_a_password() -> None:
    assert unseal(seal(PRIVATE, b"", SALT, NONCE), b"") == PRIVATE


def test_another_password_opens_nothing() -> None:
    with pytest.raises(BadKeyFile, match="password"):
        unseal(FILE, b"wrong")


def test_a_file_has_the_members_of_cosign_in_its_order() -> None:
    document = contents(FILE)
    assert list(document) == ["kdf", "cipher", "ciphertext"]
    assert document["kdf"] == {
        "name": "scrypt",
        "params": {"N": 65536, "r": 8, "p": 1},
        "salt": base64.b64encode(SALT).decode(),
    }
    assert document["cipher"] == {"name": "nacl/secretbox", "nonce": base64.b64encode(NONCE).decode()}


def test_a_file_is_pem_of_64_columns_with_the_type_that_cosign_writes_now() -> None:
    lines = FILE.decode().splitlines()
    assert lines[0] == "-----BEGIN ENCRYPTED SIGSTORE PRIVATE KEY-----"
    assert lines[-1] == "-----END ENCRYPTED SIGSTORE PRIVATE KEY-----"
    assert {len(line) for line in lines[1:-2]} == {64}


def test_the_old_pem_type_is_read() -> None:
    document = contents(FILE)
    assert unseal(wrapped(document, "ENCRYPTED COSIGN PRIVATE KEY"), PASSWORD) == PRIVATE


def test_line_ends_of_other_systems_are_read() -> None:
    file = FILE.replace(b"\n", b"\r\n")
    assert unseal(file, PASSWORD) == PRIVATE


@pytest.mark.parametrize("cost", [1 << 14, 1 << 18, 1 << 30, 0, -1])
def test_costs_that_cosign_does_not_write_are_refused_before_any_work(cost: int) -> None:
    document = contents(FILE)
    document["kdf"]["params"]["N"] = cost  # type: ignore[index] # an object by format
    with pytest.raises(BadKeyFile, match="scrypt parameters"):
        unseal(wrapped(document), PASSWORD)


@pytest.mark.parametrize("name", ["r", "p"])
def test_other_scrypt_shapes_are_refused(name: str) -> None:
    document = contents(FILE)
    document["kdf"]["params"][name] = 2  # type: ignore[index] # an object by format
    with pytest.raises(BadKeyFile, match="scrypt parameters"):
        unseal(wrapped(document), PASSWORD)


@pytest.mark.parametrize(
    ("member", "name"), [("kdf", "argon2"), ("cipher", "aes-gcm"), ("kdf", ""), ("cipher", "")]
)
def test_other_algorithms_are_refused(member: str, name: str) -> None:
    document = contents(FILE)
    document[member]["name"] = name  # type: ignore[index] # an object by format
    with pytest.raises(BadKeyFile, match="content"):
        unseal(wrapped(document), PASSWORD)


@pytest.mark.parametrize("nonce", [b"", bytes(23), bytes(25)])
def test_a_nonce_of_another_length_is_refused(nonce: bytes) -> None:
    document = contents(FILE)
    document["cipher"]["nonce"] = base64.b64encode(nonce).decode()  # type: ignore[index] # an object by format
    with pytest.raises(BadKeyFile, match="nonce"):
        unseal(wrapped(document), PASSWORD)


@pytest.mark.parametrize("size", [0, 1, SecretBox.MACBYTES - 1, SecretBox.MACBYTES])
def test_a_ciphertext_that_is_cut_is_refused(size: int) -> None:
    document = contents(FILE)
    document["ciphertext"] = base64.b64encode(bytes(size)).decode()
    with pytest.raises(BadKeyFile):
        unseal(wrapped(document), PASSWORD)


def test_a_plain_key_is_refused_with_the_command_that_encrypts_it() -> None:
    with pytest.raises(BadKeyFile, match="import-key-pair"):
        unseal(wrapped({}, "PRIVATE KEY"), PASSWORD)


@pytest.mark.parametrize(
    "file",
    [
        b"",
        b"\xff\xfe",
        BEGIN + b"" + END,
        BEGIN + b"AAA" + END,
        BEGIN + b"/w==" + END,
        wrapped([]),
        wrapped({}),
        wrapped(None),
        b"x" * 100_000,
    ],
)
def test_what_is_no_key_file_is_refused(file: bytes) -> None:
    with pytest.raises(BadKeyFile):
        unseal(file, PASSWORD)


def test_two_keys_in_one_file_are_refused() -> None:
    with pytest.raises(BadKeyFile, match="one PEM block"):
        unseal(FILE + FILE, PASSWORD)
