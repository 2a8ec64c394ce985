"""What every key provider does, built in or not."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from libs.common.errors import KeyUnusable
from services.signer.providers.base import KeyProvider
from services.signer.providers.choose import installed, open_provider

MESSAGE = b"what is signed"


def file_place(folder: Path) -> tuple[str, str]:
    (folder / "password").write_text("correct horse\n")
    return f"file://{folder / 'keys'}", str(folder / "password")


# For each scheme an empty place of its own.
PLACES: dict[str, Callable[[Path], tuple[str, str]]] = {"file": file_place}


@pytest.fixture(params=sorted(PLACES))
def place(request: pytest.FixtureRequest, tmp_path: Path) -> tuple[str, str]:
    return PLACES[request.param](tmp_path)


@pytest.fixture
def provider(place: tuple[str, str]) -> KeyProvider:
    return open_provider(*place)


def test_every_installed_provider_is_tested_here() -> None:
    assert sorted(PLACES) == list(installed())


def test_an_empty_place_offers_no_key(provider: KeyProvider) -> None:
    assert provider.offered() == ()


def test_a_new_key_is_offered(provider: KeyProvider) -> None:
    made = [provider.create().reference for _ in range(2)]
    assert provider.offered() == tuple(sorted(made))


def test_every_new_key_is_another_one(provider: KeyProvider) -> None:
    assert provider.create().public.hint != provider.create().public.hint


def test_a_key_is_opened_again_from_its_place(provider: KeyProvider, place: tuple[str, str]) -> None:
    made = provider.create()
    opened = open_provider(*place).open(made.reference)
    assert (opened.reference, opened.public.hint) == (made.reference, made.public.hint)
    assert opened.sign(MESSAGE) == made.sign(MESSAGE)


def test_a_signature_repeats_and_verifies(provider: KeyProvider) -> None:
    key = provider.create()
    signature = key.sign(MESSAGE)
    assert key.sign(MESSAGE) == signature
    assert key.public.verifies(signature, MESSAGE)
    assert not key.public.verifies(signature, MESSAGE + b".")


def test_a_new_key_is_one_that_every_cosign_takes(provider: KeyProvider) -> None:
    assert provider.create().public.algorithm == "ecdsa-p256-sha256"


@pytest.mark.parametrize("reference", ["", "gone.key", "../gone.key", "/gone.key", "gone\0.key"])
def test_an_unknown_reference_is_refused_by_name(provider: KeyProvider, reference: str) -> None:
    with pytest.raises(KeyUnusable) as caught:
        provider.open(reference)
    assert caught.value.details["key"] == reference


def test_a_reference_holds_no_path_of_this_machine(provider: KeyProvider, tmp_path: Path) -> None:
    assert str(tmp_path) not in provider.create().reference


def test_a_key_shows_no_secret_when_it_is_printed(provider: KeyProvider) -> None:
    assert "PrivateKey" not in repr(provider.create())
