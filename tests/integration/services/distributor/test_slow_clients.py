"""Many clients that read slowly: memory stays flat, others are served meanwhile, and all get every byte."""

from __future__ import annotations

import asyncio

import httpx
import psutil

from tests.integration.services.distributor.conftest import Delivered, headers

CLIENTS = 40
MOST_GROWTH = 16 << 20  # all that they have not yet read is 100 MB


async def _ask(http: httpx.AsyncClient, run: str) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    # What a client does not read stays with the server: its own buffer is small.
    reader, writer = await asyncio.open_connection(http.base_url.host, http.base_url.port, limit=4096)
    head = "".join(f"{name}: {text}\r\n" for name, text in {"host": "x", **headers()}.items())
    writer.write(f"GET /runs/{run}/bundle HTTP/1.1\r\n{head}connection: close\r\n\r\n".encode())
    await reader.readuntil(b"\r\n\r\n")
    return reader, writer


async def test_many_slow_clients_hold_little_memory_and_nobody_up(
    http: httpx.AsyncClient, delivered: Delivered
) -> None:
    bundle = f"/runs/{delivered.run}/bundle"
    assert (await http.get(bundle)).content == delivered.tar
    process = psutil.Process()
    before = process.memory_info().rss
    slow = [await _ask(http, delivered.run) for _ in range(CLIENTS)]
    assert (await http.get(bundle)).content == delivered.tar
    assert process.memory_info().rss - before < MOST_GROWTH
    for reader, writer in slow:
        assert await reader.read(-1) == delivered.tar
        writer.close()
        await writer.wait_closed()
