"""The service as a process: it says when it is ready, serves, and stops when it is told to."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
import time
from pathlib import Path
from typing import Any

import grpc
from grpc_health.v1 import health_pb2, health_pb2_grpc
from stellaops.export.v1 import adapters_pb2, adapters_pb2_grpc

from libs.common.rpc.access import READ
from libs.common.rpc.tokens import TokenIssuer
from tests.kit.infrastructure import Nats
from tests.kit.times import DAY

ISSUER = TokenIssuer.create("https://issuer.test", "export-center")
START_SECONDS = 60.0


def environment(folder: Path, nats: Nats) -> dict[str, str]:
    (folder / "jwks").write_text(ISSUER.jwks())
    (folder / "password").write_text("secret\n")
    settings = {
        "BLOBS_URL": f"file://{folder}/blobs",
        "NATS_URL": nats.url,
        "NATS_USER": "adapter_host",
        "NATS_PASSWORD_FILE": str(folder / "password"),
        "JWKS_FILE": str(folder / "jwks"),
        "TOKEN_ISSUER": "https://issuer.test",
        "EVIDENCE_ADDRESS": "127.0.0.1:9",
        "READY_FILE": str(folder / "ready"),
    }
    return {**os.environ, **{f"EXPORT_{name}": value for name, value in settings.items()}}


async def address_in(file: Path, process: asyncio.subprocess.Process) -> str:
    async with asyncio.timeout(START_SECONDS):
        # Nothing tells of a new file; the service writes it whole.
        while not file.exists():  # noqa: ASYNC240 - see above
            assert process.returncode is None
            await asyncio.sleep(0.02)
    return file.read_text()  # noqa: ASYNC240 - a few bytes


async def test_the_process_serves_until_it_is_told_to_stop(nats: Nats, tmp_path: Path) -> None:
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "services.adapter_host", env=environment(tmp_path, nats)
    )
    address = await address_in(tmp_path / "ready", process)
    now = int(time.time())
    token = ISSUER.issue("ann", ["acme"], [READ], now, now + DAY)
    async with grpc.aio.insecure_channel(address) as channel:
        stub: Any = health_pb2_grpc.HealthStub(channel)  # has no types
        health = stub.Watch(health_pb2.HealthCheckRequest())
        async with asyncio.timeout(START_SECONDS):
            async for answer in health:
                if answer.status == health_pb2.HealthCheckResponse.SERVING:
                    break
        health.cancel()
        listed = await adapters_pb2_grpc.AdapterServiceStub(channel).ListAdapters(
            adapters_pb2.ListAdaptersRequest(), metadata=(("authorization", f"Bearer {token}"),)
        )
        assert listed.adapters
        process.send_signal(signal.SIGTERM)
    assert await asyncio.wait_for(process.wait(), START_SECONDS) == 0


async def test_a_setting_that_is_missing_is_named_on_one_line(tmp_path: Path, nats: Nats) -> None:
    settings = environment(tmp_path, nats)
    del settings["EXPORT_EVIDENCE_ADDRESS"]
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "services.adapter_host", env=settings, stderr=asyncio.subprocess.PIPE
    )
    _, errors = await asyncio.wait_for(process.communicate(), START_SECONDS)
    assert process.returncode == 1
    assert b"EXPORT_EVIDENCE_ADDRESS" in errors
    assert b"hint: " in errors
