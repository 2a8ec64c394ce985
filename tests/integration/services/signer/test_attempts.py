from __future__ import annotations

import asyncio
import dataclasses

import pytest
from sqlalchemy import text

from libs.common.blobs.store import Blobs
from libs.common.bundle import layout
from libs.common.bundle.keys import load_public_key
from libs.common.bundle.strict_json import from_base64
from libs.common.db.engine import Database
from libs.common.errors import Internal
from services.signer.attempts import Attempts
from services.signer.keyring import Keyring
from services.signer.providers.base import SigningKey
from services.signer.store.keys import KeyStore
from tests.kit.signing import BUILDER, KeyFolder, load_bundle, store_unsigned


async def rows(database: Database, tenant: str = "acme") -> int:
    async with database.tenant(tenant) as connection:
        return int((await connection.execute(text("SELECT count(*) FROM signatures"))).scalar_one())


async def test_a_bundle_is_signed_with_the_active_key(
    attempts: Attempts, keyring: Keyring, blobs: Blobs
) -> None:
    version = await keyring.ensure()
    signature = await attempts.sign_once(await store_unsigned(blobs))
    files = await load_bundle(blobs, "acme", signature.layout.digest)
    key = load_public_key(version.key.public_key_pem.encode())
    assert signature.key_hint == key.hint
    assert key.verifies(from_base64(files[layout.SIGNATURE].decode(), "$"), files[layout.MANIFEST])


async def test_a_second_delivery_gives_the_first_answer_and_logs_nothing(
    attempts: Attempts, keyring: Keyring, blobs: Blobs, signer_database: Database
) -> None:
    await keyring.ensure()
    order = await store_unsigned(blobs)
    assert await attempts.sign_once(order) == await attempts.sign_once(order)
    assert await rows(signer_database) == 1


async def test_deliveries_at_once_give_one_answer(
    attempts: Attempts, keyring: Keyring, blobs: Blobs, signer_database: Database
) -> None:
    await keyring.ensure()
    order = await store_unsigned(blobs)
    answers = await asyncio.gather(*(attempts.sign_once(order) for _ in range(5)))
    assert len(set(answers)) == 1
    assert await rows(signer_database) == 1


async def test_a_second_delivery_after_a_rotation_still_gives_the_first_answer(
    attempts: Attempts, keyring: Keyring, blobs: Blobs
) -> None:
    await keyring.ensure()
    order = await store_unsigned(blobs)
    first = await attempts.sign_once(order)
    await keyring.rotate("acme", "")
    assert await attempts.sign_once(order) == first


async def test_the_next_attempt_after_a_rotation_is_signed_with_the_new_key(
    attempts: Attempts, keyring: Keyring, blobs: Blobs
) -> None:
    await keyring.ensure()
    order = await store_unsigned(blobs)
    await attempts.sign_once(order)
    second = await keyring.rotate("acme", "")
    again = await attempts.sign_once(dataclasses.replace(order, attempt=2))
    assert again.key_hint == second.key.hint


async def test_the_next_attempt_without_a_rotation_gives_the_same_bytes(
    attempts: Attempts, keyring: Keyring, blobs: Blobs, signer_database: Database
) -> None:
    await keyring.ensure()
    order = await store_unsigned(blobs)
    first = await attempts.sign_once(order)
    second = await attempts.sign_once(dataclasses.replace(order, attempt=2))
    assert first.layout == second.layout
    assert await rows(signer_database) == 2


async def test_an_attempt_is_not_signed_with_a_second_manifest(
    attempts: Attempts, keyring: Keyring, blobs: Blobs
) -> None:
    await keyring.ensure()
    order = await store_unsigned(blobs)
    await attempts.sign_once(order)
    other = await blobs.put("acme", b"{}")
    with pytest.raises(Internal, match="another manifest"):
        await attempts.sign_once(dataclasses.replace(order, manifest=other))


async def test_tenants_sign_the_same_run_id_apart(
    attempts: Attempts, keyring: Keyring, blobs: Blobs, signer_database: Database
) -> None:
    await keyring.ensure()
    for tenant in ("acme", "beta"):
        await attempts.sign_once(await store_unsigned(blobs, tenant))
        assert await rows(signer_database, tenant) == 1


class RotatedMeanwhile(Keyring):
    """A keyring whose key is rotated by somebody else after it was opened, the first time."""

    rotated = False

    async def open(self, version: object) -> SigningKey:
        opened = await super().open(version)  # type: ignore[arg-type] # passed on as it came
        if not self.rotated:
            self.rotated = True
            await self.rotate("acme", "")
        return opened


async def test_a_key_that_was_retired_while_it_signed_does_not_count(
    signer_database: Database, keys: KeyFolder, blobs: Blobs
) -> None:
    keyring = RotatedMeanwhile(KeyStore(signer_database), keys.provider)
    first = await keyring.ensure()
    signature = await Attempts(signer_database, keyring, blobs, BUILDER).sign_once(
        await store_unsigned(blobs)
    )
    assert signature.key_hint != first.key.hint
    assert signature.key_hint == (await keyring.active("acme")).key.hint


async def test_a_bundle_that_is_refused_is_not_logged(
    attempts: Attempts, keyring: Keyring, blobs: Blobs, signer_database: Database
) -> None:
    await keyring.ensure()
    order = dataclasses.replace(await store_unsigned(blobs), manifest=await blobs.put("acme", b"{}"))
    with pytest.raises(Internal):
        await attempts.sign_once(order)
    assert await rows(signer_database) == 0
