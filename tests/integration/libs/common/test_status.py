"""Errors of calls to other services, as a caller of ours gets to read them."""

from __future__ import annotations

import grpc
import pytest
from grpc_health.v1 import health_pb2

from libs.common.errors import Unavailable
from libs.common.rpc.status import from_rpc_error
from services.gateway.upstreams import refused

NOBODY = "127.0.0.1:1"  # a port that needs rights to listen on, so that nobody does


async def unreachable() -> grpc.aio.AioRpcError:
    async with grpc.aio.insecure_channel(NOBODY) as channel:
        call = channel.unary_unary(
            "/grpc.health.v1.Health/Check",
            request_serializer=health_pb2.HealthCheckRequest.SerializeToString,
            response_deserializer=health_pb2.HealthCheckResponse.FromString,
        )
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await call(health_pb2.HealthCheckRequest(), timeout=10)
    return caught.value


async def test_a_service_out_of_reach_is_named_without_its_address() -> None:
    error = await unreachable()
    assert "127.0.0.1" in str(error.details())
    found = from_rpc_error(error, "the ledger")
    assert isinstance(found, Unavailable)
    shown = (found.message, refused(error, "evidence").refusal.message)
    assert all("cannot be reached" in text and "127.0.0.1" not in text for text in shown)
