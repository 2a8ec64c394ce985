"""Starts the gateway: one HTTP door before the suite's services."""

from __future__ import annotations

import asyncio
import logging
import signal
import sys
from pathlib import Path

from libs.common import clock, service
from libs.common.http.door import HttpDoor, Tls
from libs.common.metrics_page import serve_metrics
from libs.common.rpc.tokens import TokenVerifier
from services.gateway.application import application
from services.gateway.config import GatewaySettings
from services.gateway.files import open_client
from services.gateway.upstreams import Upstreams

SERVICE = "gateway"

_log = logging.getLogger(__name__)


def main() -> int:
    """Run until told to stop, and return the exit code."""
    return service.run(SERVICE, GatewaySettings, _run)


async def _run(configuration: GatewaySettings) -> None:
    verifier = TokenVerifier.from_file(
        configuration.jwks_file, configuration.token_issuer, configuration.token_audience
    )
    page = serve_metrics(configuration.metrics_listen)
    upstreams = Upstreams.open(configuration)
    distributor = open_client(configuration)
    stopping = asyncio.Event()
    door = HttpDoor(
        application(verifier, upstreams, distributor, clock.now, stopping),
        configuration.http_listen,
        _tls(configuration),
    )
    address = await door.start()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stopping.set)
    if configuration.ready_file:
        await asyncio.to_thread(service.write_whole, Path(configuration.ready_file), address)
    _log.info("serving", extra={"fields": {"address": address, "metrics": page.address}})
    closed = asyncio.create_task(door.run())
    told = asyncio.create_task(stopping.wait())
    await asyncio.wait({closed, told}, return_when=asyncio.FIRST_COMPLETED)
    told.cancel()
    await door.stop()
    await distributor.aclose()
    await upstreams.close()
    await page.close()
    await closed
    _log.info("stopped")


def _tls(configuration: GatewaySettings) -> Tls | None:
    if not configuration.http_certificate_file:
        return None
    return Tls(
        configuration.http_certificate_file,
        configuration.http_key_file,
        setting="EXPORT_HTTP_CERTIFICATE_FILE",
    )


if __name__ == "__main__":
    sys.exit(main())
