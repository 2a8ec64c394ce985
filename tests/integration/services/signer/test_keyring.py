from __future__ import annotations

import asyncio
import shutil

import pytest

from libs.common.db.engine import Database
from libs.common.errors import InvalidField, KeyUnusable
from services.signer.keyring import Keyring
from services.signer.keys import KeyState
from services.signer.store.keys import KeyStore
from tests.kit.infrastructure import TestDatabase
from tests.kit.signing import KeyFolder


async def states(keyring: Keyring) -> list[tuple[int, str]]:
    return [(version.version, version.state.value) for version in await keyring.versions("acme")]


async def test_the_first_start_makes_one_key(keyring: Keyring, keys: KeyFolder) -> None:
    made = await keyring.ensure()
    assert (made.version, made.state) == (1, KeyState.ACTIVE)
    assert keys.provider.offered() == (made.key.reference,)


async def test_the_second_start_finds_it(keyring: Keyring) -> None:
    assert await keyring.ensure() == await keyring.ensure()


async def test_signers_that_start_at_once_make_one_key(
    database: TestDatabase, signer_database: Database, keys: KeyFolder
) -> None:
    opened = [signer_database, *(database.open("signer") for _ in range(3))]
    made = await asyncio.gather(*(Keyring(KeyStore(one), keys.provider).ensure() for one in opened))
    assert len({version.key.hint for version in made}) == 1
    assert len(keys.provider.offered()) == 1
    for one in opened[1:]:
        await one.close()


async def test_a_key_that_lies_there_is_taken_instead_of_a_new_one(keyring: Keyring, keys: KeyFolder) -> None:
    there = keys.provider.create()
    (keys.keys / there.reference).rename(keys.keys / "cosign.key")
    made = await keyring.ensure()
    assert (made.key.reference, made.key.hint) == ("cosign.key", there.public.hint)


async def test_a_rotation_retires_the_key_that_signed(keyring: Keyring) -> None:
    first = await keyring.ensure()
    second = await keyring.rotate("acme", "")
    assert second.key.hint != first.key.hint
    assert await states(keyring) == [(2, "active"), (1, "retired")]


async def test_the_same_request_rotates_once(keyring: Keyring) -> None:
    await keyring.ensure()
    first = await keyring.rotate("acme", "request-1")
    assert await keyring.rotate("acme", "request-1") == first


async def test_the_same_request_id_of_another_tenant_is_another_request(keyring: Keyring) -> None:
    await keyring.ensure()
    first = await keyring.rotate("acme", "request-1")
    assert await keyring.rotate("beta", "request-1") != first


async def test_rotations_at_once_leave_one_active_key(keyring: Keyring) -> None:
    await keyring.ensure()
    await asyncio.gather(*(keyring.rotate("acme", f"request-{number}") for number in range(4)))
    assert await states(keyring) == [(5, "active"), *((number, "retired") for number in (4, 3, 2, 1))]


async def test_a_rotation_that_failed_changes_nothing(keyring: Keyring, keys: KeyFolder) -> None:
    await keyring.ensure()
    (keys.keys / "cosign.key").write_text("no key")
    (keys.keys / "cosign.key").chmod(0o600)
    with pytest.raises(KeyUnusable, match=r"cosign\.key"):
        await keyring.rotate("acme", "")
    assert await states(keyring) == [(1, "active")]


async def test_a_copy_of_a_used_key_is_not_taken_as_a_new_one(keyring: Keyring, keys: KeyFolder) -> None:
    first = await keyring.ensure()
    shutil.copy(keys.keys / first.key.reference, keys.keys / "copy.key")
    assert (await keyring.rotate("acme", "")).key.hint != first.key.hint


async def test_a_key_that_was_made_before_a_crash_is_used(keyring: Keyring, keys: KeyFolder) -> None:
    await keyring.ensure()
    left_over = keys.provider.create()
    assert (await keyring.rotate("acme", "")).key.hint == left_over.public.hint


async def test_revoking_the_active_key_puts_a_new_one_in_its_place(keyring: Keyring) -> None:
    first = await keyring.ensure()
    revoked = await keyring.revoke(first.key.hint)
    assert revoked.state is KeyState.REVOKED
    assert await states(keyring) == [(2, "active"), (1, "revoked")]


async def test_revoking_twice_changes_nothing(keyring: Keyring) -> None:
    first = await keyring.ensure()
    assert await keyring.revoke(first.key.hint) == await keyring.revoke(first.key.hint)
    assert await states(keyring) == [(2, "active"), (1, "revoked")]


async def test_revoking_a_retired_key_leaves_the_active_one(keyring: Keyring) -> None:
    first = await keyring.ensure()
    await keyring.rotate("acme", "")
    await keyring.revoke(first.key.hint)
    assert await states(keyring) == [(2, "active"), (1, "revoked")]


async def test_revoking_an_unknown_key_names_it(keyring: Keyring) -> None:
    with pytest.raises(InvalidField, match="`nobody's`"):
        await keyring.revoke("nobody's")


async def test_a_private_key_stays_open_until_another_is_wanted(keyring: Keyring, keys: KeyFolder) -> None:
    first = await keyring.ensure()
    opened = await keyring.open(first)
    shutil.rmtree(keys.keys)
    assert await keyring.open(first) is opened


async def test_another_key_under_a_used_name_is_refused(
    keyring: Keyring, signer_database: Database, keys: KeyFolder
) -> None:
    first = await keyring.ensure()
    other = keys.provider.create()
    (keys.keys / other.reference).replace(keys.keys / first.key.reference)
    with pytest.raises(KeyUnusable, match="version 1"):
        await Keyring(KeyStore(signer_database), keys.provider).open(first)


async def test_without_an_active_key_the_way_out_is_named(keyring: Keyring) -> None:
    with pytest.raises(KeyUnusable, match="start the signer again"):
        await keyring.active("acme")
