"""The gRPC server of a service: guard, health, reflection, limits, TLS, a clean end."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import signal
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from pathlib import Path
from typing import Any

import grpc
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_health.v1._async import HealthServicer
from grpc_reflection.v1alpha import reflection
from prometheus_client import REGISTRY, CollectorRegistry

from libs.common.errors import ExportError
from libs.common.listening import cannot_listen
from libs.common.metrics import RpcMetrics
from libs.common.metrics_page import serve_metrics
from libs.common.rpc.identity import Guard
from libs.common.rpc.tokens import TokenVerifier
from libs.common.service import write_whole
from libs.common.settings import BadSetting, ServiceSettings
from libs.common.tasks import is_told_to_end

MAX_MESSAGE_BYTES = 4 << 20  # streams carry about 1 MiB a message; nothing of ours is larger
MAX_CONNECTION_AGE_MS = 300_000  # clients come back through the balancer and so find new replicas
DRAIN_SECONDS = 25.0  # less than Kubernetes' usual 30 s between SIGTERM and SIGKILL
HEALTH_SECONDS = 5.0

_log = logging.getLogger(__name__)

Check = Callable[[], Awaitable[None]]
OPTIONS: tuple[tuple[str, int], ...] = (
    ("grpc.max_receive_message_length", MAX_MESSAGE_BYTES),
    ("grpc.max_send_message_length", MAX_MESSAGE_BYTES),
    ("grpc.max_connection_age_ms", MAX_CONNECTION_AGE_MS),
    ("grpc.max_connection_age_grace_ms", 600_000),
    ("grpc.http2.min_ping_interval_without_data_ms", 30_000),
    ("grpc.so_reuseport", 0),
)


class Server:
    """One service's gRPC door."""

    def __init__(self, settings: ServiceSettings, registry: CollectorRegistry = REGISTRY) -> None:
        verifier = TokenVerifier.from_file(settings.jwks_file, settings.token_issuer, settings.token_audience)
        self.settings = settings
        self.registry = registry
        self.grpc = grpc.aio.server(interceptors=[Guard(verifier, RpcMetrics(registry))], options=OPTIONS)
        self.health = HealthServicer()
        health_pb2_grpc.add_HealthServicer_to_server(self.health, self.grpc)
        self.address = ""

    async def start(self, services: Sequence[str]) -> str:
        """Listen; `services` are the full names that health and reflection speak of. Returns the address."""
        if self.settings.reflection:
            names = (*services, health_pb2.DESCRIPTOR.services_by_name["Health"].full_name)
            reflection.enable_server_reflection((*names, reflection.SERVICE_NAME), self.grpc)
        host, _, _ = self.settings.grpc_listen.rpartition(":")
        try:
            port = self._listen()
        except RuntimeError as error:
            # The library says only that it failed.
            reason = cannot_listen(self.settings.grpc_listen)
            raise BadSetting(name="EXPORT_GRPC_LISTEN", reason=reason) from error
        self.address = f"{host}:{port}"
        await self.grpc.start()
        return self.address

    def _listen(self) -> int:
        if not self.settings.tls_certificate_file:
            return self.grpc.add_insecure_port(self.settings.grpc_listen)
        credentials = grpc.ssl_server_credentials(
            [
                (
                    Path(self.settings.tls_key_file).read_bytes(),
                    Path(self.settings.tls_certificate_file).read_bytes(),
                )
            ],
            root_certificates=Path(self.settings.tls_authority_file).read_bytes(),
            require_client_auth=True,
        )
        return self.grpc.add_secure_port(self.settings.grpc_listen, credentials)

    async def watch_health(self, services: Sequence[str], checks: Sequence[Check]) -> None:
        """Keep the health answer true to what the service depends on, until cancelled."""
        while not is_told_to_end():
            ready = True
            for check in checks:
                try:
                    await check()
                except ExportError as error:
                    _log.warning("not ready", extra={"fields": {"reason": str(error)}})
                    ready = False
            answer = health_pb2.HealthCheckResponse
            status = answer.SERVING if ready else answer.NOT_SERVING
            for name in ("", *services):
                await self.health.set(name, status)
            await asyncio.sleep(HEALTH_SECONDS)

    async def stop(self) -> None:
        """Refuse new calls, let running ones end, then close."""
        await self.health.enter_graceful_shutdown()
        await self.grpc.stop(DRAIN_SECONDS)


async def serve(
    server: Server,
    services: Sequence[str],
    checks: Sequence[Check],
    background: Sequence[Coroutine[Any, Any, None]],
    close: Sequence[Callable[[], Awaitable[None]]],
) -> None:
    """Run a service until SIGTERM or SIGINT, or until one of its background tasks fails.

    `background` (workers, relays) is cancelled first, so that no new work is taken; then the door drains;
    then `close` runs in order. Where settings say so, metrics are served and the address is written to a
    file once the door is open.
    """
    page = serve_metrics(server.settings.metrics_listen, server.registry)
    address = await server.start(services)
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    tasks = [asyncio.create_task(coroutine) for coroutine in background]
    tasks.append(asyncio.create_task(server.watch_health(services, checks)))
    waiter = asyncio.create_task(stop.wait())
    if server.settings.ready_file:
        await asyncio.to_thread(write_whole, Path(server.settings.ready_file), address)
    _log.info("serving", extra={"fields": {"address": address, "metrics": page.address}})
    done, _ = await asyncio.wait([*tasks, waiter], return_when=asyncio.FIRST_COMPLETED)
    for task in (*tasks, waiter):
        task.cancel()
    for task in tasks:
        with contextlib.suppress(asyncio.CancelledError, Exception):
            await task
    await server.stop()
    for closer in (*close, page.close):
        await closer()
    for task in done - {waiter}:
        task.result()
    _log.info("stopped")
