from __future__ import annotations

import time
from collections.abc import AsyncIterator
from pathlib import Path

import grpc
import pytest
from stellaops.export.v1 import keys_pb2_grpc
from stellaops.export.v1.keys_pb2 import GetTrustBundleRequest, Key, ListKeysRequest, RotateKeyRequest

from libs.common.bundle.keys import load_public_key
from libs.common.rpc.server import Server
from libs.common.rpc.tokens import TokenIssuer
from libs.common.settings import ServiceSettings
from services.signer.api.keys import Keys
from services.signer.keyring import Keyring
from tests.kit.times import DAY

ISSUER = TokenIssuer.create("https://issuer.test", "export-center")


def as_role(*scopes: str) -> tuple[tuple[str, str], ...]:
    now = int(time.time())
    token = ISSUER.issue("ann", ["acme"], scopes, now, now + DAY)
    return (("authorization", f"Bearer {token}"),)


VIEWER = as_role("export:read")
ADMIN = as_role("export:read", "export:admin")


@pytest.fixture
async def door(keyring: Keyring, tmp_path: Path) -> AsyncIterator[keys_pb2_grpc.KeyServiceAsyncStub]:
    (tmp_path / "jwks").write_text(ISSUER.jwks())
    server = Server(
        ServiceSettings(blobs_url="", jwks_file=str(tmp_path / "jwks"), token_issuer="https://issuer.test")
    )
    keys_pb2_grpc.add_KeyServiceServicer_to_server(Keys(keyring), server.grpc)
    await keyring.ensure()
    async with grpc.aio.insecure_channel(await server.start([])) as channel:
        yield keys_pb2_grpc.KeyServiceStub(channel)
    await server.grpc.stop(0)


async def listed(door: keys_pb2_grpc.KeyServiceAsyncStub) -> list[Key]:
    return list((await door.ListKeys(ListKeysRequest(), metadata=VIEWER)).keys)


async def test_the_first_key_is_listed_with_all_that_a_verifier_needs(
    door: keys_pb2_grpc.KeyServiceAsyncStub,
) -> None:
    (key,) = await listed(door)
    assert (key.version, key.state, key.algorithm) == (1, Key.STATE_ACTIVE, "ecdsa-p256-sha256")
    assert load_public_key(key.public_key_pem.encode()).hint == key.hint
    assert (key.HasField("valid_from"), key.HasField("valid_until")) == (True, False)


async def test_a_rotation_answers_with_the_new_key_and_lists_it_first(
    door: keys_pb2_grpc.KeyServiceAsyncStub,
) -> None:
    new = await door.RotateKey(RotateKeyRequest(), metadata=ADMIN)
    keys = await listed(door)
    assert keys[0] == new
    assert [key.state for key in keys] == [Key.STATE_ACTIVE, Key.STATE_RETIRED]
    assert keys[1].valid_until == keys[0].valid_from


async def test_a_repeated_request_rotates_once(door: keys_pb2_grpc.KeyServiceAsyncStub) -> None:
    request = RotateKeyRequest(request_id="2f0f7a3e-0000-4000-8000-000000000001")
    first = await door.RotateKey(request, metadata=ADMIN)
    assert await door.RotateKey(request, metadata=ADMIN) == first
    assert len(await listed(door)) == 2


async def test_the_trust_bundle_holds_every_key(door: keys_pb2_grpc.KeyServiceAsyncStub) -> None:
    await door.RotateKey(RotateKeyRequest(), metadata=ADMIN)
    bundle = await door.GetTrustBundle(GetTrustBundleRequest(), metadata=VIEWER)
    assert list(bundle.keys) == await listed(door)


async def test_a_revoked_key_is_shown_as_such(
    door: keys_pb2_grpc.KeyServiceAsyncStub, keyring: Keyring
) -> None:
    (first,) = await listed(door)
    await keyring.revoke(first.hint)
    keys = await listed(door)
    assert [key.state for key in keys] == [Key.STATE_ACTIVE, Key.STATE_REVOKED]
    assert keys[1].HasField("valid_until")


async def test_only_an_administrator_rotates(door: keys_pb2_grpc.KeyServiceAsyncStub) -> None:
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await door.RotateKey(RotateKeyRequest(), metadata=as_role("export:read", "export:run"))
    assert caught.value.code() is grpc.StatusCode.PERMISSION_DENIED
    assert len(await listed(door)) == 1
