"""An HTTP door in a service's own process: bound before it serves, drained when it stops."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import socket
import ssl
from collections.abc import Generator
from dataclasses import dataclass

import uvicorn
from starlette.types import ASGIApp

from libs.common.http.kernel import STALL_SECONDS
from libs.common.http.protocol import HEAD_SECONDS, InTime, in_time
from libs.common.http.spoken import MAX_INCOMPLETE_BYTES
from libs.common.listening import cannot_listen
from libs.common.settings import BadSetting

MAX_CONNECTIONS = 2000  # each holds two chunks of 1 MiB at most; more get 503
KEEP_ALIVE_SECONDS = 75  # longer than the usual idle time of load balancers, so that they close first
DRAIN_SECONDS = 20  # downloads under way may end; what is left resumes at another replica
BACKLOG = 512


@dataclass(frozen=True, slots=True)
class Tls:
    """Files (PEM) of a door with TLS; with `authority`, clients must show a certificate that it signed."""

    certificate: str
    key: str
    authority: str = ""
    setting: str = "EXPORT_TLS_CERTIFICATE_FILE"  # that names the certificate, for errors


class _Server(uvicorn.Server):
    """The server without its signal handlers: signals belong to the process, not to one of its doors."""

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self.ready = asyncio.Event()

    @contextlib.contextmanager
    def capture_signals(self) -> Generator[None, None, None]:
        yield

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self.ready.set()


class HttpDoor:
    """Serves one application, which itself ends the answers that have no end of their own."""

    def __init__(
        self,
        application: ASGIApp,
        listen: str,
        tls: Tls | None = None,
        head_seconds: float = HEAD_SECONDS,
        stall_seconds: float = STALL_SECONDS,
    ) -> None:
        """Take what to serve and where: `host:port`, port 0 for a free one."""
        self._listen = listen
        config = _config(application, tls, in_time(head_seconds, stall_seconds))
        try:
            config.load()
        except OSError as error:  # what ssl raises is one too
            reason = f"certificate, key or authority cannot be read ({type(error).__name__})"
            raise BadSetting(name=tls.setting if tls else "", reason=reason) from error
        self._server = _Server(config)
        self._task: asyncio.Task[None] | None = None

    async def start(self) -> str:
        """Bind and serve; returns the address."""
        listener = _bind(self._listen)
        self._task = asyncio.create_task(self._server.serve(sockets=[listener]))
        ready = asyncio.create_task(self._server.ready.wait())
        await asyncio.wait({self._task, ready}, return_when=asyncio.FIRST_COMPLETED)
        if not ready.done():
            ready.cancel()
            self._task.result()
        host = self._listen.rpartition(":")[0]
        return f"{host}:{listener.getsockname()[1]}"

    async def run(self) -> None:
        """Return when the door has closed; cancelling this wait closes nothing."""
        assert self._task is not None
        await asyncio.shield(self._task)

    async def stop(self) -> None:
        """Take no new request, let running ones end within DRAIN_SECONDS, then close."""
        self._server.should_exit = True
        if self._task is not None:
            await asyncio.wait({self._task})


def _config(application: ASGIApp, tls: Tls | None, protocol: type[InTime]) -> uvicorn.Config:
    # Its own words about starting and stopping would stand beside the service's; what goes wrong is kept.
    logging.getLogger("uvicorn.error").setLevel(logging.WARNING)
    secured = tls is not None and tls.authority
    return uvicorn.Config(
        application,
        http=protocol,  # h11 bounds headers while they are read, which httptools does not
        ws="none",
        lifespan="off",
        interface="asgi3",
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=False,
        backlog=BACKLOG,
        limit_concurrency=MAX_CONNECTIONS,
        timeout_keep_alive=KEEP_ALIVE_SECONDS,
        timeout_graceful_shutdown=DRAIN_SECONDS,
        h11_max_incomplete_event_size=MAX_INCOMPLETE_BYTES,
        ssl_certfile=tls.certificate if tls else None,
        ssl_keyfile=tls.key if tls else None,
        ssl_ca_certs=tls.authority if tls and secured else None,
        ssl_cert_reqs=ssl.CERT_REQUIRED if secured else ssl.CERT_NONE,
    )


def _bind(listen: str) -> socket.socket:
    host, _, port = listen.rpartition(":")
    host = host.strip("[]")
    # The protocol is stated, since asyncio switches off the delay of small packets only where it is.
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((host, int(port)))
        listener.listen(BACKLOG)
    except (OSError, ValueError, OverflowError) as error:
        listener.close()
        raise BadSetting(name="EXPORT_HTTP_LISTEN", reason=cannot_listen(listen, error)) from error
    return listener
