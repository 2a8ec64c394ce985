"""A gateway before made-up services: every RPC of the contracts, over real gRPC behind the real guard."""

from __future__ import annotations

import asyncio
import contextlib
import json
import time
from collections.abc import AsyncIterator, Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import grpc
import httpx
from google.protobuf import message_factory
from google.protobuf.descriptor import MethodDescriptor
from google.protobuf.message import Message

from libs.common import clock
from libs.common.errors import Unimplemented
from libs.common.http.door import HttpDoor
from libs.common.rpc.access import ROLES
from libs.common.rpc.identity import current_caller
from libs.common.rpc.server import Server
from libs.common.rpc.tokens import TokenIssuer, TokenVerifier
from libs.common.trace import current_trace
from services.gateway.application import application
from services.gateway.config import GatewaySettings
from services.gateway.contracts import PUBLIC
from services.gateway.files import open_client
from services.gateway.upstreams import Upstreams
from tests.kit.times import DAY

ISSUER = "https://issuer.test"
NOBODY = "127.0.0.1:1"  # a port on which nothing listens
_TOKENS = TokenIssuer.create(ISSUER, "export-center")


def headers(
    role: str = "admin", tenants: Iterable[str] = ("acme",), tenant: str | None = None
) -> dict[str, str]:
    """Return the headers with which somebody asks."""
    now = int(time.time())
    found = {"authorization": "Bearer " + _TOKENS.issue(role, tenants, ROLES[role], now, now + DAY)}
    return found if tenant is None else found | {"x-stella-tenant": tenant}


def verifier() -> TokenVerifier:
    """Return what checks those tokens."""
    return TokenVerifier(json.loads(_TOKENS.jwks()), ISSUER, "export-center")


@dataclass(frozen=True, slots=True)
class Asked:
    """A call as it reached a service."""

    rpc: str
    tenant: str
    subject: str
    trace: str
    request: Message


@dataclass(slots=True)
class Services:
    """All services in one process; `answers` holds what a test says for an RPC by its short name.

    An answer is a message, an error to raise, or a coroutine function of the request; for streams a function
    from request, or requests, to an asynchronous iterator. A unary RPC that the test says nothing of gives an
    empty message.
    """

    asked: list[Asked] = field(default_factory=list)
    answers: dict[str, Any] = field(default_factory=dict)
    address: str = ""

    def add_to(self, server: grpc.aio.Server) -> None:
        """Serve every RPC."""
        for public in PUBLIC:
            methods: list[MethodDescriptor] = list(public.descriptor.methods)
            handlers = {method.name: self._handler(method) for method in methods}
            generic = grpc.method_handlers_generic_handler(public.descriptor.full_name, handlers)
            server.add_generic_rpc_handlers((generic,))

    def _handler(self, method: MethodDescriptor) -> grpc.RpcMethodHandler[Any, Any]:
        codec: Any = {
            "request_deserializer": message_factory.GetMessageClass(method.input_type).FromString,
            "response_serializer": message_factory.GetMessageClass(method.output_type).SerializeToString,
        }
        if method.client_streaming:
            return grpc.stream_stream_rpc_method_handler(self._streaming(method), **codec)
        if method.server_streaming:
            return grpc.unary_stream_rpc_method_handler(self._streaming(method), **codec)
        return grpc.unary_unary_rpc_method_handler(self._unary(method), **codec)

    def _unary(self, method: MethodDescriptor) -> Callable[..., Any]:
        async def serve(request: Message, context: Any) -> Message:
            del context
            self._note(method, request)
            answer = self.answers.get(method.name)
            if isinstance(answer, Exception):
                raise answer
            if callable(answer):
                answer = await answer(request)
            empty: Message = message_factory.GetMessageClass(method.output_type)()
            return empty if answer is None else answer

        return serve

    def _streaming(self, method: MethodDescriptor) -> Callable[..., Any]:
        async def serve(request: Any, context: Any) -> AsyncIterator[Message]:
            del context
            self._note(method, request)
            if method.name not in self.answers:
                raise Unimplemented(method=method.name)
            async for message in self.answers[method.name](request):
                yield message

        return serve

    def _note(self, method: MethodDescriptor, request: Any) -> None:
        caller = current_caller()
        rpc = f"/{method.containing_service.full_name}/{method.name}"
        self.asked.append(Asked(rpc, caller.tenant, caller.subject, current_trace(), request))


@dataclass(frozen=True, slots=True)
class Gateway:
    """A running gateway, a client of it whose user is an admin of acme, and what stands behind."""

    url: str
    client: httpx.AsyncClient
    services: Services
    stop: Callable[[], Any]


def settings(folder: Path, **chosen: Any) -> GatewaySettings:
    """Return settings whose services are not there, unless chosen."""
    (folder / "jwks").write_text(_TOKENS.jwks())
    addresses = dict.fromkeys(
        (
            "planner_address",
            "adapter_host_address",
            "signer_address",
            "distributor_address",
            "evidence_address",
        ),
        NOBODY,
    )
    given: dict[str, Any] = {
        "jwks_file": str(folder / "jwks"),
        "token_issuer": ISSUER,
        "http_listen": "127.0.0.1:0",
        "distributor_http": f"http://{NOBODY}",
        **addresses,
        **chosen,
    }
    return GatewaySettings(**given)


@contextlib.asynccontextmanager
async def served(folder: Path, services: Services, address: str = "127.0.0.1:0") -> AsyncIterator[Server]:
    """Serve made-up services; `services.address` then says where."""
    server = Server(settings(folder, grpc_listen=address))
    services.add_to(server.grpc)
    services.address = await server.start([public.descriptor.full_name for public in PUBLIC])
    try:
        yield server
    finally:
        await server.grpc.stop(0)


@contextlib.asynccontextmanager
async def gateway(folder: Path, services: Services, **chosen: Any) -> AsyncIterator[Gateway]:
    """Run a gateway before served services; `chosen` are settings of it."""
    names = ("planner", "adapter_host", "signer", "distributor", "evidence")
    addresses = {f"{name}_address": services.address for name in names}
    async with running(settings(folder, **{**addresses, **chosen}), services) as found:
        yield found


@contextlib.asynccontextmanager
async def running(configuration: GatewaySettings, services: Services) -> AsyncIterator[Gateway]:
    """Run a gateway as its `__main__` composes it, in this loop."""
    upstreams = Upstreams.open(configuration)
    distributor = open_client(configuration)
    stopping = asyncio.Event()
    app = application(verifier(), upstreams, distributor, clock.now, stopping)
    door = HttpDoor(app, configuration.http_listen)
    url = f"http://{await door.start()}"
    async with httpx.AsyncClient(base_url=url, headers=headers(), timeout=30) as client:
        yield Gateway(url, client, services, stopping.set)
    stopping.set()
    await door.stop()
    await distributor.aclose()
    await upstreams.close()
