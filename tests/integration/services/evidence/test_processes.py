"""The processes that read: any number of them makes the same ledger, dead ones are replaced, none is left."""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import signal
import subprocess
import sys
import termios
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from libs.common.errors import Unavailable
from services.evidence.importing.gather import Readers
from services.evidence.importing.processes import MODULE, Processes, ProcessFailed
from services.evidence.importing.work import Item, answer_of, batch_message
from services.evidence.ledger.importer import Importer
from tests.kit import evidence
from tests.kit.ledger import TENANT, TestLedger

EMPTY = batch_message(evidence.READING, [Item()])
WAIT_SECONDS = 60.0


@contextlib.contextmanager
def processes(count: int) -> Iterator[Processes]:
    running = Processes(count)
    try:
        yield running
    finally:
        running.close()


def children(process: psutil.Process) -> list[psutil.Process]:
    return [child for child in process.children() if MODULE in child.cmdline()]


def given_work(child: psutil.Process) -> None:
    """Wait until a stopped process has something to read."""
    end = time.monotonic() + WAIT_SECONDS
    with Path(f"/proc/{child.pid}/fd/0").open("rb", buffering=0) as pipe:
        waiting = bytearray(4)
        while not any(waiting):
            assert time.monotonic() < end
            fcntl.ioctl(pipe, termios.FIONREAD, waiting)


def feed() -> dict[str, bytes]:
    """Return more than one batch, with doubles in different files and with faults."""
    files = {
        f"part{part}.jsonl": b"\n".join(
            evidence.raw(evidence.osv(number, summary="x" * (number % 7000)))
            for number in range(part, 2400, 2 + part)
        )
        for part in range(3)
    }
    return files | {"broken.jsonl": b"{\n" * 12_000, "vex.json": evidence.raw(evidence.openvex())}


async def test_any_number_of_processes_makes_the_same_ledger(ledger: TestLedger) -> None:
    found = []
    for count in (1, 2, 5):
        with processes(count) as running:
            readers = Readers(running.read, running.count)
            ledger.importer = Importer(ledger.transactions, ledger.pools, readers, ledger.clock, 2)
            outcome = await ledger.take(feed(), tenant=f"of-{count}", source="same")
        put_aside = await ledger.reader.quarantined(f"of-{count}", "same", None, 20_000)
        places = [(kept.refused.location, kept.refused.reason) for kept in put_aside]
        found.append((await ledger.digests(f"of-{count}"), outcome.quarantined, places))
    assert found[0] == found[1] == found[2]
    assert len(found[0][2]) == 10_000


async def test_a_process_that_is_killed_fails_its_import_alone(ledger: TestLedger) -> None:
    with processes(1) as running:
        readers = Readers(running.read, running.count)
        ledger.importer = Importer(ledger.transactions, ledger.pools, readers, ledger.clock, 2)
        (child,) = children(psutil.Process())
        child.suspend()
        taking = asyncio.create_task(ledger.take(feed()))
        await asyncio.to_thread(given_work, child)
        child.kill()
        with pytest.raises(Unavailable, match="signal 9"):
            await taking
        assert (await ledger.reader.status(TENANT)).sequence == 0
        assert (await ledger.take(feed())).sequence == 1


def test_a_process_that_was_killed_while_it_had_nothing_to_do_is_replaced_before_it_is_asked() -> None:
    with processes(2) as running:
        killed = children(psutil.Process())
        for child in killed:
            child.kill()
        psutil.wait_procs(killed, WAIT_SECONDS)
        answers = [running.read(EMPTY) for _ in killed]
        assert [answer_of(answer.result(WAIT_SECONDS)).runs for answer in answers] == [[], []]
        assert not {child.pid for child in killed} & {child.pid for child in children(psutil.Process())}


def test_a_process_that_fails_is_told_apart_from_one_that_is_killed() -> None:
    with processes(1) as running:
        with pytest.raises(ProcessFailed, match="exit code 1"):
            running.read([(b"no batch",)]).result(WAIT_SECONDS)
        assert answer_of(running.read(EMPTY).result(WAIT_SECONDS)).runs == []


def test_processes_end_with_the_service_that_is_killed() -> None:
    program = (
        f"import sys, time; from {Processes.__module__} import Processes; "
        "Processes(2).read([(bytes.fromhex(sys.argv[1]),)]).result(); print(flush=True); "
        f"time.sleep({WAIT_SECONDS})"
    )
    command = [sys.executable, "-c", program, EMPTY[0][0].hex()]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as service:
        assert service.stdout is not None
        assert service.stdout.readline() == b"\n"
        left = children(psutil.Process(service.pid))
        assert len(left) == 2
        service.send_signal(signal.SIGKILL)
    _, alive = psutil.wait_procs(left, WAIT_SECONDS)
    assert alive == []


def test_closing_ends_all_of_them() -> None:
    with processes(3) as running:
        assert len(running_children := children(psutil.Process())) == running.count
    assert not any(child.is_running() for child in running_children)
