"""The signer as it is started: two processes on one database, one bus and one folder of keys."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest
from stellaops.export.work.v1.work_pb2 import SignResult

from libs.common.blobs.store import Blobs
from libs.common.bus.client import Bus
from libs.common.bus.subjects import RESULT_SIGN, WORK_SIGN
from libs.common.bus.worker import Delivery, Worker
from libs.common.rpc.tokens import TokenIssuer
from tests.kit.infrastructure import Nats, TestDatabase
from tests.kit.signing import KeyFolder, sign_work, store_unsigned

REPOSITORY = Path(__file__).resolve().parents[4]
READY_SECONDS = 30


@dataclass(frozen=True, slots=True)
class Suite:
    """What signers are started with."""

    environment: dict[str, str]
    folder: Path

    def start_arguments(self, name: str) -> dict[str, str]:
        """Return the environment of one process."""
        return self.environment | {"EXPORT_READY_FILE": str(self.folder / f"{name}.ready")}


@pytest.fixture
def suite(database: TestDatabase, nats: Nats, keys: KeyFolder, tmp_path: Path) -> Suite:
    database.migrate("signer")
    (tmp_path / "secret").write_text("secret\n")
    (tmp_path / "jwks").write_text(TokenIssuer.create("https://issuer.test", "export-center").jwks())
    secret = str(tmp_path / "secret")
    return Suite(
        {
            "PATH": os.environ["PATH"],
            "EXPORT_BLOBS_URL": f"file://{tmp_path / 'blobs'}",
            "EXPORT_DATABASE_URL": database.url("signer"),
            "EXPORT_DATABASE_PASSWORD_FILE": secret,
            "EXPORT_NATS_URL": nats.url,
            "EXPORT_NATS_USER": "signer",
            "EXPORT_NATS_PASSWORD_FILE": secret,
            "EXPORT_JWKS_FILE": str(tmp_path / "jwks"),
            "EXPORT_TOKEN_ISSUER": "https://issuer.test",
            "EXPORT_KEYS_URI": f"file://{keys.keys}",
            "EXPORT_KEY_PASSWORD_FILE": str(keys.password_file),
        },
        tmp_path,
    )


async def command(suite: Suite, *arguments: str) -> tuple[int, str, str]:
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "services.signer", *arguments),
        cwd=REPOSITORY,
        env=suite.environment,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    output, errors = await asyncio.wait_for(process.communicate(), READY_SECONDS)
    return process.returncode or 0, output.decode(), errors.decode()


@asynccontextmanager
async def signer(suite: Suite, name: str) -> AsyncIterator[asyncio.subprocess.Process]:
    """Start one process; at the end it is stopped as an orchestrator does."""
    log = (suite.folder / f"{name}.log").open("wb")
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "services.signer"),
        cwd=REPOSITORY,
        env=suite.start_arguments(name),
        stdout=log,
        stderr=log,
    )
    try:
        yield process
    finally:
        if process.returncode is None:
            process.send_signal(signal.SIGTERM)
        await asyncio.wait_for(process.wait(), READY_SECONDS)
        log.close()


async def ready(suite: Suite, name: str) -> None:
    file = str(suite.folder / f"{name}.ready")
    async with asyncio.timeout(READY_SECONDS):
        while not await asyncio.to_thread(os.path.exists, file):  # noqa: ASYNC110 - a file does not call
            await asyncio.sleep(0.05)


@asynccontextmanager
async def results(bus: Bus) -> AsyncIterator[asyncio.Queue[SignResult]]:
    """Yield the results that come in."""
    queue: asyncio.Queue[SignResult] = asyncio.Queue()

    async def take(delivery: Delivery) -> None:
        await queue.put(SignResult.FromString(delivery.payload))

    worker = Worker(bus, stream="RESULT", durable="result-sign", subject=RESULT_SIGN, handler=take)
    task = asyncio.create_task(worker.run())
    yield queue
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


async def ask(bus: Bus, blobs: Blobs, run: str) -> None:
    work = sign_work(await store_unsigned(blobs, run=run))
    await bus.publish(WORK_SIGN, work.SerializeToString(), f"{run}-sign")


async def test_two_signers_share_one_key_and_the_work_of_a_killed_one_is_done(
    suite: Suite, nats: Nats, keys: KeyFolder, tmp_path: Path
) -> None:
    blobs = Blobs(f"file://{tmp_path / 'blobs'}", "exports")
    planner = await nats.connect("planner")
    async with signer(suite, "one") as one, signer(suite, "two"), results(planner) as queue:
        await asyncio.gather(ready(suite, "one"), ready(suite, "two"))
        assert len(keys.provider.offered()) == 1
        for number in range(10):
            await ask(planner, blobs, f"process-{number}")
        one.kill()
        found: dict[str, SignResult] = {}
        async with asyncio.timeout(READY_SECONDS):
            while len(found) < 10:
                result = await queue.get()
                found[result.context.run] = result
        assert {result.WhichOneof("outcome") for result in found.values()} == {"done"}
        assert len({result.done.layout.digest for result in found.values()}) == 1
    await planner.close()


async def test_a_signer_stops_on_sigterm_without_an_error(suite: Suite) -> None:
    async with signer(suite, "one") as process:
        await ready(suite, "one")
    assert process.returncode == 0


async def test_revoke_is_a_command_of_the_operator(suite: Suite, keys: KeyFolder) -> None:
    async with signer(suite, "one"):
        await ready(suite, "one")
    hint = keys.provider.open(keys.provider.offered()[0]).public.hint
    code, output, errors = await command(suite, "revoke", hint)
    assert (code, errors) == (0, "")
    assert output.startswith("Key version 1 is revoked")
    assert len(keys.provider.offered()) == 2


async def test_an_unknown_key_is_named_on_one_line_with_the_way_out(suite: Suite) -> None:
    code, output, errors = await command(suite, "revoke", "nobody's")
    assert (code, output) == (1, "")
    assert errors.splitlines() == [
        "error: Field `hint` is not valid: no key version has `nobody's`; list them. (ERR_EXPORT_INVALID)",
        "hint: Correct `hint` and send the request again.",
    ]


async def test_a_missing_setting_is_named(suite: Suite) -> None:
    del suite.environment["EXPORT_KEYS_URI"]
    code, _, errors = await command(suite)
    assert code == 1
    assert "EXPORT_KEYS_URI" in errors
