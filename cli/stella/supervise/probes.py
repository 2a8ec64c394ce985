"""Finds out whether a process is ready."""

from __future__ import annotations

import asyncio
import contextlib
from pathlib import Path

from cli.stella.supervise.program import Probe

PROBE_SECONDS = 2.0
_HTTP_READY = b" 200 "
_RECOVERING = b"57P03"


def file_written(path: Path) -> Probe:
    """Return a probe that waits for a file that the process writes once it serves."""

    async def probe() -> bool:
        return path.exists()  # noqa: ASYNC240 - one look at a local disk

    return probe


def both(first: Probe, second: Probe) -> Probe:
    """Return a probe that waits for two."""

    async def probe() -> bool:
        return await first() and await second()

    return probe


def port_open(host: str, port: int) -> Probe:
    """Return a probe that waits until something listens."""

    async def probe() -> bool:
        return await _ask(host, port, b"", b"")

    return probe


def http_ready(host: str, port: int, path: str) -> Probe:
    """Return a probe that waits until a page answers with 200."""
    request = f"GET {path} HTTP/1.1\r\nHost: {host}:{port}\r\nConnection: close\r\n\r\n".encode()

    async def probe() -> bool:
        return await _ask(host, port, request, _HTTP_READY)

    return probe


def postgres_ready(host: str, port: int) -> Probe:
    """Return a probe that waits until PostgreSQL takes log-ins.

    While it recovers it answers a start-up message with an error of SQLSTATE 57P03; ready, it asks the
    made-up user for a password or refuses the user.
    """
    body = b"\x00\x03\x00\x00user\x00stella-probe\x00database\x00postgres\x00\x00"
    message = (len(body) + 4).to_bytes(4, "big") + body

    async def probe() -> bool:
        answer = await _answer(host, port, message)
        return bool(answer) and _RECOVERING not in (answer or b"")

    return probe


async def _ask(host: str, port: int, request: bytes, wanted: bytes) -> bool:
    answer = await _answer(host, port, request)
    return answer is not None and wanted in answer


async def _answer(host: str, port: int, request: bytes) -> bytes | None:
    """Return the beginning of the answer, or None where nobody answers; no request, no answer waited for."""
    try:
        async with asyncio.timeout(PROBE_SECONDS):
            reader, writer = await asyncio.open_connection(host, port)
            try:
                if not request:
                    return b""
                writer.write(request)
                await writer.drain()
                return await reader.read(1024)
            finally:
                writer.close()
                with contextlib.suppress(OSError):
                    await writer.wait_closed()
    except (OSError, TimeoutError):
        return None
