"""Every metric with its labels, and the page that Prometheus reads them from."""

from __future__ import annotations

import asyncio
import threading
from wsgiref.simple_server import WSGIServer

from prometheus_client import REGISTRY, CollectorRegistry, Counter, Histogram, start_http_server

from libs.common.errors import Internal, catalogue
from libs.common.settings import BadSetting

# From a run over nothing new to one over everything; the objectives are 120 s (delta) and 300 s (full).
RUN_SECONDS = (0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 120.0, 300.0, 600.0, 1800.0, 3600.0)


class RunMetrics:
    """What is counted where a run ends; no label names a tenant."""

    def __init__(self, registry: CollectorRegistry = REGISTRY) -> None:
        self._duration = Histogram(
            "exporter_run_duration_seconds",
            "Time from the start of an attempt to its success.",
            ["profile_kind", "variant"],
            buckets=RUN_SECONDS,
            registry=registry,
        )
        self._bytes = Counter(
            "exporter_bundle_bytes_total",
            "Bytes of the bundles of succeeded runs.",
            ["profile_kind", "variant"],
            registry=registry,
        )
        self._failures = Counter(
            "exporter_run_failures_total", "Runs that failed.", ["error_code"], registry=registry
        )

    def succeeded(self, kind: str, variant: str, seconds: float, bundle_bytes: int) -> None:
        """Count a run that succeeded."""
        self._duration.labels(kind, variant).observe(seconds)
        self._bytes.labels(kind, variant).inc(bundle_bytes)

    def failed(self, code: str) -> None:
        """Count a run that failed; a code that is not in the catalogue counts as internal."""
        self._failures.labels(code if code in catalogue() else Internal.code).inc()


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
    host, _, port = listen.rpartition(":")
    try:
        server, thread = start_http_server(int(port), host, registry)
    except (OSError, OverflowError, ValueError) as error:
        raise BadSetting(name="EXPORT_METRICS_LISTEN", reason=f"`{listen[:80]}` cannot be bound") from error
    return MetricsPage(server, thread)
