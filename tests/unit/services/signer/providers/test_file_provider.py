from __future__ import annotations

import stat
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.types import PrivateKeyTypes
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from libs.common.errors import KeyUnusable
from libs.common.settings import BadSetting
from services.signer.providers.base import KeyProvider
from services.signer.providers.choose import open_provider
from services.signer.providers.file.provider import FileProvider
from services.signer.providers.file.sealed import seal

MESSAGE = b"what is signed"
PASSWORD = "correct horse"


@pytest.fixture
def password_file(tmp_path: Path) -> Path:
    path = tmp_path / "password"
    path.write_text(f"{PASSWORD}\n")
    return path


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "keys"


@pytest.fixture
def provider(folder: Path, password_file: Path) -> KeyProvider:
    return FileProvider.from_uri(f"file://{folder}", str(password_file))


def put(folder: Path, key: PrivateKeyTypes, name: str = "cosign.key", password: str = PASSWORD) -> str:
    der = key.private_bytes(Encoding.DER, PrivateFormat.PKCS8, NoEncryption())
    path = folder / name
    path.write_bytes(seal(der, password.encode(), bytes(32), bytes(24)))
    path.chmod(0o600)
    return name


def test_a_new_key_is_readable_by_its_owner_alone(provider: KeyProvider, folder: Path) -> None:
    made = provider.create()
    assert stat.S_IMODE((folder / made.reference).stat().st_mode) == 0o600
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700


def test_the_public_key_lies_beside_a_new_key(provider: KeyProvider, folder: Path) -> None:
    made = provider.create()
    assert (folder / made.reference).with_suffix(".pub").read_bytes() == made.public.pem


def test_nothing_but_the_two_files_is_left_in_the_folder(provider: KeyProvider, folder: Path) -> None:
    made = provider.create()
    stem = made.reference.removesuffix(".key")
    assert sorted(path.name for path in folder.iterdir()) == [f"{stem}.key", f"{stem}.pub"]


def test_the_private_key_is_not_in_the_folder_in_plain(provider: KeyProvider, folder: Path) -> None:
    made = provider.create()
    assert b"BEGIN ENCRYPTED SIGSTORE PRIVATE KEY" in (folder / made.reference).read_bytes()


@pytest.mark.parametrize(
    ("key", "algorithm"),
    [
        (ec.generate_private_key(ec.SECP256R1()), "ecdsa-p256-sha256"),
        (Ed25519PrivateKey.generate(), "ed25519"),
        (rsa.generate_private_key(65537, 2048), "rsa-2048-pkcs1v15-sha256"),
    ],
)
def test_each_algorithm_signs_what_its_public_key_verifies_and_repeats_itself(
    provider: KeyProvider, folder: Path, key: PrivateKeyTypes, algorithm: str
) -> None:
    opened = provider.open(put(folder, key))
    signature = opened.sign(MESSAGE)
    assert opened.public.algorithm == algorithm
    assert opened.public.verifies(signature, MESSAGE)
    assert not opened.public.verifies(signature, MESSAGE + b".")
    assert provider.open("cosign.key").sign(MESSAGE) == signature


@pytest.mark.parametrize(
    "key",
    [
        ec.generate_private_key(ec.SECP384R1()),
        rsa.generate_private_key(65537, 1024),  # noqa: S505 - it is refused, that is the test
    ],
)
def test_a_key_that_cosign_does_not_verify_alike_is_refused(
    provider: KeyProvider, folder: Path, key: PrivateKeyTypes
) -> None:
    with pytest.raises(KeyUnusable):
        provider.open(put(folder, key))


def test_offered_keys_are_the_key_files_in_order(provider: KeyProvider, folder: Path) -> None:
    for name in ("b.key", "a.key", ".hidden.key", "a.pub", "a.password"):
        (folder / name).write_bytes(b"")
    assert provider.offered() == ("a.key", "b.key")


def test_a_password_beside_a_key_comes_before_the_common_one(provider: KeyProvider, folder: Path) -> None:
    name = put(folder, Ed25519PrivateKey.generate(), password="its own")
    (folder / "cosign.password").write_text("its own\n")
    assert provider.open(name).public.algorithm == "ed25519"


def test_the_wrong_password_says_which_key_it_does_not_open(provider: KeyProvider, folder: Path) -> None:
    name = put(folder, Ed25519PrivateKey.generate(), password="another")
    with pytest.raises(KeyUnusable, match=r"`cosign\.key`.*password"):
        provider.open(name)


def test_a_key_that_everybody_may_read_is_refused(provider: KeyProvider, folder: Path) -> None:
    name = put(folder, Ed25519PrivateKey.generate())
    (folder / name).chmod(0o644)
    with pytest.raises(KeyUnusable, match="chmod 600"):
        provider.open(name)


@pytest.mark.parametrize("reference", ["../cosign.key", "/etc/cosign.key", "cosign.pub", ""])
def test_a_reference_stays_in_the_folder(provider: KeyProvider, reference: str) -> None:
    with pytest.raises(KeyUnusable, match="file name"):
        provider.open(reference)


def test_a_missing_password_file_names_its_setting(folder: Path, tmp_path: Path) -> None:
    provider = FileProvider.from_uri(f"file://{folder}", str(tmp_path / "none"))
    with pytest.raises(BadSetting, match="EXPORT_KEY_PASSWORD_FILE"):
        provider.create()


def test_the_scheme_chooses_the_provider(folder: Path, password_file: Path) -> None:
    assert isinstance(open_provider(f"file://{folder}", str(password_file)), FileProvider)


@pytest.mark.parametrize("uri", ["vault://keys", "keys", "", "file:relative"])
def test_an_unknown_scheme_names_the_known_ones(uri: str) -> None:
    with pytest.raises(BadSetting, match="schemes file"):
        open_provider(uri, "")


def test_a_relative_folder_is_refused() -> None:
    with pytest.raises(BadSetting, match="file:///absolute/path"):
        open_provider("file://keys", "")
