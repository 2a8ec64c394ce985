"""The connection to NATS JetStream: publish once, subscribe, provision streams."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Awaitable, Callable, Mapping

import nats
from nats.aio.client import Client
from nats.aio.msg import Msg
from nats.errors import Error as NatsError
from nats.js import JetStreamContext
from nats.js.api import DiscardPolicy, StorageType, StreamConfig
from nats.js.errors import NotFoundError

from libs.common import trace
from libs.common.bus.subjects import STREAMS, inbox
from libs.common.errors import Unavailable
from libs.common.settings import ServiceSettings, read_secret

PUBLISH_TIMEOUT_SECONDS = 5.0
CONNECT_TIMEOUT_SECONDS = 5
START_SECONDS = 10.0  # the library tries the first connection for ever, and says nothing to who waits for it
_log = logging.getLogger(__name__)

DUPLICATE_WINDOW_SECONDS = 120.0  # JetStream forgets message ids after this; inboxes remember longer


async def _log_error(error: Exception) -> None:
    _log.warning("bus reports", extra={"fields": {"error": str(error)[:200] or type(error).__name__}})


class Bus:
    """One connection; it reconnects by itself for as long as the process lives."""

    def __init__(self, client: Client) -> None:
        self.client = client
        self.jetstream: JetStreamContext = client.jetstream(timeout=PUBLISH_TIMEOUT_SECONDS)

    @classmethod
    async def connect(cls, url: str, user: str, password: str, name: str) -> Bus:
        """Connect, or raise `Unavailable`."""
        try:
            async with asyncio.timeout(START_SECONDS):
                client = await nats.connect(
                    url,
                    user=user or None,
                    password=password or None,
                    name=name,
                    connect_timeout=CONNECT_TIMEOUT_SECONDS,
                    max_reconnect_attempts=-1,
                    reconnect_time_wait=0.2,
                    allow_reconnect=True,
                    inbox_prefix=inbox(user),
                    error_cb=_log_error,
                )
        except TimeoutError as error:
            reason = f"there is no connection to it within {START_SECONDS:g} seconds"
            raise Unavailable(dependency="the bus", reason=reason) from error
        except (NatsError, OSError) as error:
            raise Unavailable(dependency="the bus", reason=str(error) or type(error).__name__) from error
        return cls(client)

    @classmethod
    async def open(cls, configuration: ServiceSettings, service: str) -> Bus:
        """Connect to the bus that the settings name."""
        password = read_secret("nats_password_file", configuration.nats_password_file)
        return await cls.connect(configuration.nats_url, configuration.nats_user, password, service)

    async def publish(
        self, subject: str, payload: bytes, message_id: str, headers: Mapping[str, str] | None = None
    ) -> None:
        """Store a message in its stream; the same `message_id` within the window is stored once.

        It carries the trace that it is sent in, unless `headers` name the one that it was written in.
        """
        try:
            await self.jetstream.publish(
                subject, payload, headers={"Nats-Msg-Id": message_id, **trace.headers(), **(headers or {})}
            )
        except (NatsError, OSError, TimeoutError) as error:
            raise Unavailable(dependency="the bus", reason=self._why_not_stored(error)) from error

    def _why_not_stored(self, error: Exception) -> str:
        if isinstance(error, TimeoutError) and self.client.is_connected:
            # JetStream does not answer for a message that it could not write, then or later.
            return "it stores nothing (its log says why; after a full disk it needs room, then a new start)"
        return str(error) or type(error).__name__

    async def tell(self, subject: str, payload: bytes = b"") -> None:
        """Send a message that nobody stores, to whoever listens now."""
        try:
            await self.client.publish(subject, payload)
            await self.client.flush(timeout=2)
        except (NatsError, OSError, TimeoutError) as error:
            raise Unavailable(dependency="the bus", reason=str(error) or type(error).__name__) from error

    async def listen(
        self, subject: str, handler: Callable[[Msg], Awaitable[None]]
    ) -> Callable[[], Awaitable[None]]:
        """Call `handler` for each message on `subject` from now on, until what is returned is called."""
        try:
            subscription = await self.client.subscribe(subject, cb=handler)
            await self.client.flush(timeout=2)  # only then does the server hear of it
        except (NatsError, OSError, TimeoutError) as error:
            raise Unavailable(dependency="the bus", reason=str(error) or type(error).__name__) from error

        async def stop() -> None:
            with contextlib.suppress(NatsError, OSError):  # a closed connection hears nothing anyway
                await subscription.unsubscribe()

        return stop

    async def check(self) -> None:
        """Raise `Unavailable` unless connected."""
        if not self.client.is_connected:
            raise Unavailable(dependency="the bus", reason="not connected")

    async def close(self) -> None:
        """Send what is pending and disconnect."""
        if self.client.is_connected:
            await asyncio.wait_for(self.client.drain(), 10)
        else:
            await self.client.close()


async def provision(bus: Bus) -> None:
    """Make the streams that are missing and bring the others up to date."""
    for stream in STREAMS:
        config = StreamConfig(
            name=stream.name,
            subjects=list(stream.subjects),
            retention=stream.retention,
            max_age=stream.max_age_seconds or None,
            storage=StorageType.FILE,
            discard=DiscardPolicy.OLD,
            duplicate_window=DUPLICATE_WINDOW_SECONDS,
        )
        try:
            await bus.jetstream.stream_info(stream.name)
            await bus.jetstream.update_stream(config)
        except NotFoundError:
            await bus.jetstream.add_stream(config)
