"""The planner as a process: it starts, answers, shows its metrics, and stops when told."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import grpc
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc

from cli.stella.supervise.ports import free_port
from services.planner.__main__ import SERVICES
from tests.kit.planner import Ground, client_of, until

ROOT = Path(__file__).resolve().parents[4]


@contextmanager
def process(land: Ground, **more: str) -> Iterator[subprocess.Popen[str]]:
    settings = land.settings
    (land.folder / "secret").write_text("secret", encoding="utf-8")
    environment = {
        "PATH": os.environ["PATH"],
        "EXPORT_BLOBS_URL": settings.blobs_url,
        "EXPORT_JWKS_FILE": settings.jwks_file,
        "EXPORT_TOKEN_ISSUER": settings.token_issuer,
        "EXPORT_SERVICE_TOKEN_FILE": settings.service_token_file,
        "EXPORT_EVIDENCE_ADDRESS": settings.evidence_address,
        "EXPORT_ADAPTER_HOST_ADDRESS": settings.adapter_host_address,
        "EXPORT_DATABASE_URL": land.database.url("planner"),
        "EXPORT_DATABASE_PASSWORD_FILE": str(land.folder / "secret"),
        "EXPORT_NATS_URL": land.nats.url,
        "EXPORT_NATS_USER": "planner",
        "EXPORT_NATS_PASSWORD_FILE": str(land.folder / "secret"),
        "EXPORT_READY_FILE": str(land.folder / "ready"),
    }
    command = [sys.executable, "-m", "services.planner"]
    with subprocess.Popen(
        command, cwd=ROOT, env=environment | more, stderr=subprocess.PIPE, text=True
    ) as started:
        try:
            yield started
        finally:
            if started.poll() is None:
                started.kill()


async def address(land: Ground) -> str:
    ready = land.folder / "ready"
    await until(lambda: asyncio.sleep(0, ready.exists()))
    return ready.read_text(encoding="utf-8")


async def test_a_planner_serves_a_run_and_stops_when_told(land: Ground) -> None:
    metrics = f"127.0.0.1:{free_port()}"
    with process(land, EXPORT_METRICS_LISTEN=metrics) as started:
        async with grpc.aio.insecure_channel(await address(land)) as channel:
            health = health_pb2_grpc.HealthStub(channel)
            for service in ("", *SERVICES):
                await until(partial(serving, health, service))
            client = client_of(land.issuer, channel, "acme")
            await client.create_profile()
            assert (await client.watch((await client.start()).name))[-1].type == "succeeded"
        page = await asyncio.to_thread(read, f"http://{metrics}/metrics")
        assert 'exporter_run_duration_seconds_count{profile_kind="test",variant="plain"} 1.0' in page
        started.send_signal(signal.SIGTERM)
        assert await asyncio.to_thread(started.wait, 20) == 0


async def test_a_planner_that_is_killed_loses_nothing(land: Ground) -> None:
    with process(land) as started:
        async with grpc.aio.insecure_channel(await address(land)) as channel:
            client = client_of(land.issuer, channel, "acme")
            await client.create_profile()
            name = (await client.start()).name
            started.kill()
    (land.folder / "ready").unlink()
    with process(land):
        async with grpc.aio.insecure_channel(await address(land)) as channel:
            events = await client_of(land.issuer, channel, "acme").watch(name)
    assert [event.type for event in events].count("succeeded") == 1


@pytest.mark.parametrize(
    ("variable", "value"),
    [("EXPORT_TENANT_WEIGHTS", "acme"), ("EXPORT_METRICS_LISTEN", "nowhere"), ("EXPORT_SHARD_BYTES", "1")],
)
async def test_a_bad_setting_is_named_at_the_start(land: Ground, variable: str, value: str) -> None:
    with process(land, **{variable: value}) as started:
        _, errors = await asyncio.to_thread(started.communicate, timeout=30)
    assert started.returncode == 1
    assert f"error: Setting `{variable}` cannot be used" in errors


async def serving(health: health_pb2_grpc.HealthStub, service: str) -> bool:
    try:
        answer = await health.Check(  # type: ignore[attr-defined] # its types know the other kind of channel
            health_pb2.HealthCheckRequest(service=service)
        )
    except grpc.aio.AioRpcError:  # not known yet: the first look is still being taken
        return False
    return bool(answer.status == health_pb2.HealthCheckResponse.SERVING)


def read(url: str) -> str:
    with urllib.request.urlopen(url, timeout=10) as answer:  # noqa: S310 - our own page
        found: bytes = answer.read()
    return found.decode()
