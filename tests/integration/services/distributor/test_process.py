"""The distributor as it is started: both doors open, work taken, a clean end."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from pathlib import Path

import httpx
from stellaops.export.work.v1.work_pb2 import DistributeResult

from cli.stella.supervise.ports import free_port
from libs.common.blobs.store import Blobs
from libs.common.bus.subjects import RESULT_DISTRIBUTE, work_distribute
from libs.common.bus.worker import Delivery, Worker
from tests.integration.services.distributor.conftest import ISSUER, headers
from tests.kit.bundles import make_bundle, tar_of
from tests.kit.infrastructure import Nats, TestDatabase
from tests.kit.stored_bundles import distribute_work, store_files

REPOSITORY = Path(__file__).resolve().parents[4]
READY_SECONDS = 30


def environment(database: TestDatabase, nats: Nats, folder: Path, port: int) -> dict[str, str]:
    (folder / "secret").write_text("secret\n")
    (folder / "jwks").write_text(ISSUER.jwks())
    return {
        "PATH": os.environ["PATH"],
        "EXPORT_BLOBS_URL": f"file://{folder / 'blobs'}",
        "EXPORT_DATABASE_URL": database.url("distributor"),
        "EXPORT_DATABASE_PASSWORD_FILE": str(folder / "secret"),
        "EXPORT_NATS_URL": nats.url,
        "EXPORT_NATS_USER": "distributor",
        "EXPORT_NATS_PASSWORD_FILE": str(folder / "secret"),
        "EXPORT_JWKS_FILE": str(folder / "jwks"),
        "EXPORT_TOKEN_ISSUER": "https://issuer.test",
        "EXPORT_HTTP_LISTEN": f"127.0.0.1:{port}",
        "EXPORT_READY_FILE": str(folder / "ready"),
    }


async def ready(folder: Path) -> None:
    async with asyncio.timeout(READY_SECONDS):
        while not await asyncio.to_thread((folder / "ready").exists):  # noqa: ASYNC110 - a file does not call
            await asyncio.sleep(0.05)


async def test_a_process_takes_work_gives_the_bundle_out_and_stops_without_an_error(
    database: TestDatabase, nats: Nats, tmp_path: Path
) -> None:
    database.migrate("distributor")
    port = free_port()
    files = make_bundle()
    stored = await store_files(Blobs(f"file://{tmp_path / 'blobs'}", "exports"), files)
    planner = await nats.connect("planner")
    answered: asyncio.Queue[DistributeResult] = asyncio.Queue()

    async def take(delivery: Delivery) -> None:
        await answered.put(DistributeResult.FromString(delivery.payload))

    results = Worker(
        planner, stream="RESULT", durable="result-distribute", subject=RESULT_DISTRIBUTE, handler=take
    )
    taking = asyncio.create_task(results.run())
    log = (tmp_path / "log").open("wb")
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "services.distributor"),
        cwd=REPOSITORY,
        env=environment(database, nats, tmp_path, port),
        stdout=log,
        stderr=log,
    )
    try:
        await ready(tmp_path)
        work = distribute_work(stored, "run-process")
        await planner.publish(work_distribute("http"), work.SerializeToString(), "distribute-run-process-1")
        result = await asyncio.wait_for(answered.get(), READY_SECONDS)
        assert result.WhichOneof("outcome") == "done"
        async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}", headers=headers()) as client:
            assert (await client.get("/runs/run-process/bundle")).content == tar_of(files)
    finally:
        process.send_signal(signal.SIGTERM)
        await asyncio.wait_for(process.wait(), READY_SECONDS)
        log.close()
        taking.cancel()
        await asyncio.gather(taking, return_exceptions=True)
        await planner.close()
    assert process.returncode == 0
