"""The page that Prometheus reads a process's metrics from."""

from __future__ import annotations

import asyncio
import threading
from wsgiref.simple_server import WSGIServer

from prometheus_client import REGISTRY, CollectorRegistry, disable_created_metrics, start_http_server

from libs.common.listening import cannot_listen
from libs.common.settings import BadSetting


class MetricsPage:
    """The page while it is served; `address` is empty where there is none."""

    def __init__(self, server: WSGIServer | None, thread: threading.Thread | None) -> None:
        self._server = server
        self._thread = thread
        self.address = "" if server is None else f"{server.server_address[0]!s}:{server.server_port}"

    async def close(self) -> None:
        """Stop serving."""
        if self._server is not None and self._thread is not None:
            await asyncio.to_thread(self._server.shutdown)
            self._server.server_close()
            await asyncio.to_thread(self._thread.join)


def serve_metrics(listen: str, registry: CollectorRegistry = REGISTRY) -> MetricsPage:
    """Serve the registry's metrics on `listen` (`address:port`); an empty text serves nothing."""
    if not listen:
        return MetricsPage(None, None)
    disable_created_metrics()  # type: ignore[no-untyped-call] # takes nothing; a series beside each counter is too much
    host, _, port = listen.rpartition(":")
    try:
        server, thread = start_http_server(int(port), host, registry)
    except (OSError, OverflowError, ValueError) as error:
        raise BadSetting(name="EXPORT_METRICS_LISTEN", reason=cannot_listen(listen, error)) from error
    return MetricsPage(server, thread)
