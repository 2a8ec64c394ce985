"""A migrated database, a folder of keys and a folder of blobs for each test of the signer."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from libs.common.blobs.store import Blobs
from libs.common.db.engine import Database
from services.signer.attempts import Attempts
from services.signer.keyring import Keyring
from services.signer.store.keys import KeyStore
from tests.kit.infrastructure import TestDatabase
from tests.kit.signing import BUILDER, KeyFolder, make_key_folder


@pytest.fixture
async def signer_database(database: TestDatabase) -> AsyncIterator[Database]:
    database.migrate("signer")
    opened = database.open("signer")
    yield opened
    await opened.close()


@pytest.fixture
def keys(tmp_path: Path) -> KeyFolder:
    return make_key_folder(tmp_path)


@pytest.fixture
def blobs(tmp_path: Path) -> Blobs:
    return Blobs(f"file://{tmp_path / 'blobs'}", "exports")


@pytest.fixture
def keyring(signer_database: Database, keys: KeyFolder) -> Keyring:
    return Keyring(KeyStore(signer_database), keys.provider)


@pytest.fixture
def attempts(signer_database: Database, keyring: Keyring, blobs: Blobs) -> Attempts:
    return Attempts(signer_database, keyring, blobs, BUILDER)
