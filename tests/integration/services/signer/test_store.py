from __future__ import annotations

import dataclasses
import re
from datetime import UTC, datetime

import psycopg
import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from libs.common.blobs.store import Blob
from libs.common.db.engine import Database
from services.signer.keyring import Keyring
from services.signer.store import signatures
from services.signer.store.signatures import Signature
from tests.kit.infrastructure import Postgres, TestDatabase

DIGEST = f"sha256:{'a' * 64}"


@pytest.fixture
async def logged(signer_database: Database, keyring: Keyring) -> Signature:
    version = await keyring.ensure()
    new = Signature(
        "run-0001", 1, DIGEST, DIGEST, Blob(DIGEST, 10), version.key.hint, datetime(2024, 1, 1, tzinfo=UTC)
    )
    async with signer_database.tenant("acme") as connection:
        assert await signatures.add(connection, "acme", new)
    return new


async def refused(database: Database, statement: str) -> str:
    with pytest.raises(DBAPIError) as caught:
        async with database.tenant("acme") as connection:
            await connection.execute(text(statement))
    return str(caught.value.orig)


async def test_a_signature_is_found_as_it_was_logged(signer_database: Database, logged: Signature) -> None:
    async with signer_database.tenant("acme") as connection:
        assert await signatures.find(connection, "acme", "run-0001", 1) == logged


async def test_an_attempt_is_logged_once_and_the_first_row_stands(
    signer_database: Database, logged: Signature
) -> None:
    other = dataclasses.replace(logged, provenance_digest=f"sha256:{'b' * 64}")
    async with signer_database.tenant("acme") as connection:
        assert not await signatures.add(connection, "acme", other)
        assert await signatures.find(connection, "acme", "run-0001", 1) == logged


async def test_another_tenant_does_not_see_a_signature(signer_database: Database, logged: Signature) -> None:
    async with signer_database.tenant("beta") as connection:
        assert await signatures.find(connection, "acme", logged.run, logged.attempt) is None


async def test_a_tenant_cannot_log_for_another(signer_database: Database, logged: Signature) -> None:
    with pytest.raises(DBAPIError, match="row-level security"):
        async with signer_database.tenant("beta") as connection:
            await signatures.add(connection, "acme", dataclasses.replace(logged, attempt=2))


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE signatures SET key_hint = ''",
        "DELETE FROM signatures",
        "TRUNCATE signatures",
        "DELETE FROM signing_keys",
        "TRUNCATE signing_keys CASCADE",
        "UPDATE signing_keys SET hint = ''",
        "UPDATE signing_keys SET public_key_pem = ''",
    ],
)
async def test_the_service_has_no_right_to_rewrite_history(
    signer_database: Database, logged: Signature, statement: str
) -> None:
    assert "permission denied" in await refused(signer_database, statement), logged


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE signer.signatures SET key_hint = ''",
        "DELETE FROM signer.signatures",
        "TRUNCATE signer.signatures",
    ],
)
async def test_even_the_superuser_is_refused_by_the_trigger(
    postgres: Postgres, database: TestDatabase, logged: Signature, statement: str
) -> None:
    with pytest.raises(psycopg.errors.RaiseException, match="append-only"):
        postgres.execute(database.name, statement)
    assert logged


@pytest.mark.parametrize("state", ["active", "retired"])
async def test_a_revoked_key_never_comes_back(
    signer_database: Database, keyring: Keyring, state: str
) -> None:
    await keyring.revoke((await keyring.ensure()).key.hint)
    statement = f"UPDATE signing_keys SET state = '{state}' WHERE version = 1"  # noqa: S608 - two literals
    assert "does not become" in await refused(signer_database, statement)


async def test_two_active_keys_are_refused(signer_database: Database, keyring: Keyring) -> None:
    await keyring.ensure()
    statement = (
        "INSERT INTO signing_keys (version, hint, algorithm, public_key_pem, reference, state, valid_from) "
        "SELECT 2, reverse(hint), algorithm, public_key_pem, reference, state, valid_from FROM signing_keys"
    )
    assert "one_active_key" in await refused(signer_database, statement)


async def test_no_private_key_is_in_the_database(
    postgres: Postgres, database: TestDatabase, logged: Signature
) -> None:
    rows = postgres.execute(
        database.name,
        "SELECT signing_keys::text FROM signer.signing_keys "
        "UNION ALL SELECT signatures::text FROM signer.signatures",
    )
    assert not re.search("PRIVATE|ENCRYPTED|ciphertext", str(rows)), logged
    assert len(rows) == 2
