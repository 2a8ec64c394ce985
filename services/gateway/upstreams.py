"""Calls the services behind the gateway on behalf of a caller, and answers for what they refuse."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any

import grpc
from google.protobuf import message_factory
from google.protobuf.descriptor import MethodDescriptor
from google.protobuf.message import Message
from google.rpc import error_details_pb2
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_status import rpc_status

from libs.common.errors import DeadlineExceeded, Internal, Unavailable, catalogue
from libs.common.http.answers import Refusal, Refused
from libs.common.http.identity import bearer_token
from libs.common.http.router import Call
from libs.common.points import reached
from libs.common.rpc.client import open_channel
from libs.common.rpc.identity import AUTHORIZATION, TENANT_HEADER
from libs.common.rpc.status import CURE, error_info, silence
from services.gateway.config import GatewaySettings

HEALTH_SECONDS = 2.0

Metadata = tuple[tuple[str, str], ...]

# For a code that this version of the catalogue does not have: a newer service may know more.
_HTTP = {
    grpc.StatusCode.INVALID_ARGUMENT: 400,
    grpc.StatusCode.OUT_OF_RANGE: 400,
    grpc.StatusCode.UNAUTHENTICATED: 401,
    grpc.StatusCode.PERMISSION_DENIED: 403,
    grpc.StatusCode.NOT_FOUND: 404,
    grpc.StatusCode.ALREADY_EXISTS: 409,
    grpc.StatusCode.FAILED_PRECONDITION: 409,
    grpc.StatusCode.ABORTED: 409,
    grpc.StatusCode.RESOURCE_EXHAUSTED: 429,
    grpc.StatusCode.UNIMPLEMENTED: 501,
    grpc.StatusCode.UNAVAILABLE: 503,
    grpc.StatusCode.DEADLINE_EXCEEDED: 504,
}


class Upstreams:
    """One channel for each service; how long a call may take."""

    def __init__(self, channels: Mapping[str, grpc.aio.Channel], request_seconds: float) -> None:
        """Take the channels by service."""
        self._channels = dict(channels)
        self._request_seconds = request_seconds

    @classmethod
    def open(cls, settings: GatewaySettings) -> Upstreams:
        """Open the channels; nothing is called yet."""
        addresses = {
            "planner": settings.planner_address,
            "adapter_host": settings.adapter_host_address,
            "signer": settings.signer_address,
            "distributor": settings.distributor_address,
            "evidence": settings.evidence_address,
        }
        channels = {name: open_channel(address, settings) for name, address in addresses.items()}
        return cls(channels, settings.request_seconds)

    async def call(
        self, service: str, method: MethodDescriptor, request: Message, metadata: Metadata
    ) -> Message:
        """Return the answer of a unary RPC, or raise `Refused`."""
        multicallable = self._channels[service].unary_unary(**_codec(method))
        try:
            answer: Message = await multicallable(request, metadata=metadata, timeout=self._request_seconds)
        except grpc.aio.AioRpcError as error:
            raise refused(error, service) from error
        reached("gateway.answered")
        return answer

    def stream(
        self, service: str, method: MethodDescriptor, request: Message, metadata: Metadata
    ) -> grpc.aio.UnaryStreamCall[Any, Any]:
        """Open a stream of answers."""
        return self._channels[service].unary_stream(**_codec(method))(request, metadata=metadata)

    def exchange(
        self, service: str, method: MethodDescriptor, metadata: Metadata
    ) -> grpc.aio.StreamStreamCall[Any, Any]:
        """Open a stream both ways."""
        multicallable: Any = self._channels[service].stream_stream(**_codec(method))
        call: grpc.aio.StreamStreamCall[Any, Any] = multicallable(metadata=metadata)
        return call

    async def health(self) -> dict[str, str]:
        """Return for each service what it says of itself, or that it does not answer."""
        names = list(self._channels)
        found = await asyncio.gather(*(self._health(self._channels[name]) for name in names))
        return dict(zip(names, found, strict=True))

    async def _health(self, channel: grpc.aio.Channel) -> str:
        stub: Any = health_pb2_grpc.HealthStub(channel)
        try:
            answer = await stub.Check(health_pb2.HealthCheckRequest(), timeout=HEALTH_SECONDS)
        except grpc.aio.AioRpcError:
            return "unreachable"
        serving = answer.status == health_pb2.HealthCheckResponse.SERVING
        return "serving" if serving else "not serving"

    async def close(self) -> None:
        """Close all channels."""
        for channel in self._channels.values():
            await channel.close(None)


async def send(stream: Any, message: Message) -> None:
    """Send a message as the service takes it; raise where the call has ended, whose status then says why.

    The public `write` would put an INTERNAL of its own in the place of that status.
    """
    await stream.wait_for_connection()
    await stream._cython_call.send_serialized_message(message.SerializeToString())  # noqa: SLF001 - see above


def metadata_of(call: Call, tenant: str) -> Metadata:
    """Return who calls and for which tenant: the services check both again."""
    return ((AUTHORIZATION, f"Bearer {bearer_token(call.request)}"), (TENANT_HEADER, tenant))


def refused(error: grpc.aio.AioRpcError, service: str) -> Refused:
    """Return what REST answers for an RPC's error."""
    name = f"the {service.replace('_', ' ')}"
    info = error_info(error)
    if info is None:
        return Refused(Refusal.of(_without_code(error, name)))
    kind = catalogue().get(info.reason)
    return Refused(
        Refusal(
            http=kind.http if kind is not None else _HTTP.get(error.code(), 500),
            code=info.reason,
            message=error.details() or info.reason,
            cure=info.metadata.get(CURE, ""),
            fields=_fields(error),
            retryable=kind.retryable if kind is not None else error.code() is grpc.StatusCode.UNAVAILABLE,
        )
    )


def _without_code(error: grpc.aio.AioRpcError, name: str) -> Unavailable | DeadlineExceeded | Internal:
    """Return the error for a status that no service of ours made: it did not answer, or not in time."""
    if error.code() is grpc.StatusCode.DEADLINE_EXCEEDED:
        return DeadlineExceeded(dependency=name)
    if error.code() in (grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.CANCELLED):
        return Unavailable(dependency=name, reason=silence(error, name))
    return Internal(part=name, reason=f"it answered {error.code().name} without a code")


def _fields(error: grpc.aio.AioRpcError) -> tuple[tuple[str, str], ...]:
    status = rpc_status.from_call(error)  # type: ignore[arg-type] # has the two methods that are used
    for detail in status.details if status is not None else ():
        bad = error_details_pb2.BadRequest()
        if detail.Is(bad.DESCRIPTOR) and detail.Unpack(bad):
            return tuple((violation.field, violation.description) for violation in bad.field_violations)
    return ()


def _codec(method: MethodDescriptor) -> dict[str, Any]:
    return {
        "method": f"/{method.containing_service.full_name}/{method.name}",
        "request_serializer": message_factory.GetMessageClass(method.input_type).SerializeToString,
        "response_deserializer": message_factory.GetMessageClass(method.output_type).FromString,
    }
