"""Lets every call of a channel carry the trace that it is made in, as a span of its own where spans are made.

The library's interceptors would stand between a stream's messages and whoever writes them; this stands
before the call alone.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from types import TracebackType
from typing import Any, Self

import grpc
from opentelemetry.trace import Span, SpanKind, StatusCode

from libs.common import trace


class TracedChannel(grpc.aio.Channel):
    """A channel that passes everything on to another one."""

    def __init__(self, channel: grpc.aio.Channel) -> None:
        self._channel = channel

    async def __aenter__(self) -> Self:
        await self._channel.__aenter__()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, where: TracebackType | None
    ) -> None:
        await self._channel.__aexit__(kind, error, where)

    async def close(self, grace: float | None = None) -> None:
        """Close the channel."""
        await self._channel.close(grace)

    def get_state(self, try_to_connect: bool = False) -> grpc.ChannelConnectivity:
        """Return whether the channel is connected."""
        return self._channel.get_state(try_to_connect)

    async def wait_for_state_change(self, last_observed_state: grpc.ChannelConnectivity) -> None:
        """Return once the state is another one."""
        await self._channel.wait_for_state_change(last_observed_state)

    async def channel_ready(self) -> None:
        """Return once the channel is connected."""
        await self._channel.channel_ready()

    def unary_unary(self, method: str, *arguments: Any, **options: Any) -> Any:
        """Return what calls a method of one request and one answer."""
        return _Calls(method, self._channel.unary_unary(method, *arguments, **options))

    def unary_stream(self, method: str, *arguments: Any, **options: Any) -> Any:
        """Return what calls a method of one request and many answers."""
        return _Calls(method, self._channel.unary_stream(method, *arguments, **options))

    def stream_unary(self, method: str, *arguments: Any, **options: Any) -> Any:
        """Return what calls a method of many requests and one answer."""
        return _Calls(method, self._channel.stream_unary(method, *arguments, **options))

    def stream_stream(self, method: str, *arguments: Any, **options: Any) -> Any:
        """Return what calls a method of many requests and many answers."""
        return _Calls(method, self._channel.stream_stream(method, *arguments, **options))


class _Calls:
    """Calls one method."""

    def __init__(self, method: str, multicallable: Any) -> None:
        self._name = method.lstrip("/")
        self._multicallable = multicallable

    def __call__(
        self, *arguments: Any, metadata: Sequence[tuple[str, str]] | None = None, **options: Any
    ) -> Any:
        made = trace.start(self._name, SpanKind.CLIENT, {"rpc.system": "grpc"})
        carried = (*(metadata or ()), *trace.headers_of(made).items())
        call = self._multicallable(*arguments, metadata=carried, **options)
        if made.is_recording():
            call.add_done_callback(lambda ended: _end(made, ended))
        return call


_ending: set[asyncio.Task[None]] = set()  # a task that nobody holds may vanish before it is done


def _end(made: Span, call: Any) -> None:
    task = asyncio.ensure_future(_ended(made, call))
    _ending.add(task)
    task.add_done_callback(_ending.discard)


async def _ended(made: Span, call: Any) -> None:
    code = await call.code()
    made.set_attribute("rpc.response.status_code", code.name)
    if code is not grpc.StatusCode.OK:
        made.set_status(StatusCode.ERROR, code.name)
    made.end()
