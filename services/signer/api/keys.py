"""Answers KeyService: which keys there are, a new one on request, and what verifiers need."""

# ruff: noqa: ARG002, N802 - names and arguments of the methods are those of the contract
from __future__ import annotations

from datetime import datetime
from types import MappingProxyType
from typing import Any

import grpc
from google.protobuf.timestamp_pb2 import Timestamp
from stellaops.export.v1.keys_pb2 import (
    GetTrustBundleRequest,
    Key,
    ListKeysRequest,
    ListKeysResponse,
    RotateKeyRequest,
    TrustBundle,
)
from stellaops.export.v1.keys_pb2_grpc import KeyServiceServicer

from libs.common.rpc.identity import current_caller
from services.signer.keyring import Keyring
from services.signer.keys import KeyState, KeyVersion

_Context = grpc.aio.ServicerContext[Any, Any]

_STATES = MappingProxyType(
    {
        KeyState.ACTIVE: Key.STATE_ACTIVE,
        KeyState.RETIRED: Key.STATE_RETIRED,
        KeyState.REVOKED: Key.STATE_REVOKED,
    }
)


class Keys(KeyServiceServicer):
    """The keys of the installation; the scope of each call stands in libs/common/rpc/access.py."""

    def __init__(self, keyring: Keyring) -> None:
        self._keyring = keyring

    async def ListKeys(self, request: ListKeysRequest, context: _Context) -> ListKeysResponse:
        """Return all versions, newest first."""
        return ListKeysResponse(keys=await self._versions())

    async def RotateKey(self, request: RotateKeyRequest, context: _Context) -> Key:
        """Return the version that signs from now on."""
        return _key(await self._keyring.rotate(current_caller().tenant, request.request_id))

    async def GetTrustBundle(self, request: GetTrustBundleRequest, context: _Context) -> TrustBundle:
        """Return all public keys with state and validity, newest first."""
        return TrustBundle(keys=await self._versions())

    async def _versions(self) -> list[Key]:
        return [_key(version) for version in await self._keyring.versions(current_caller().tenant)]


def _key(version: KeyVersion) -> Key:
    return Key(
        hint=version.key.hint,
        version=version.version,
        algorithm=version.key.algorithm,
        public_key_pem=version.key.public_key_pem,
        state=_STATES[version.state],
        valid_from=_timestamp(version.valid_from),
        valid_until=None if version.valid_until is None else _timestamp(version.valid_until),
    )


def _timestamp(moment: datetime) -> Timestamp:
    timestamp = Timestamp()
    timestamp.FromDatetime(moment)
    return timestamp
