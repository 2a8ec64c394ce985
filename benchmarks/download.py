"""Measures downloads beside nginx, which serves the same tar from disk, and memory under slow clients."""

from __future__ import annotations

import argparse
import asyncio
import json
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

import psutil

from benchmarks.nginx import serving
from benchmarks.processes import Peaks
from benchmarks.report import Figure, machine, table
from tests.kit.made_up import sbom, write
from tests.kit.suite import Suite, running_suite, short

TARGET = 0.8
CLIENTS = (1, 2, 8)
DOCUMENT_BYTES = 200_000  # of which half does not compress: frames of about half a mebibyte
SLOW_CLIENTS = 200
SLOW_BYTES_A_SECOND = 50_000
SLOW_SECONDS = 20
_SLICE_SECONDS = 0.2


@dataclass(frozen=True, slots=True)
class Door:
    """One way to the bundle and the processes that serve it."""

    name: str
    url: str
    pids: tuple[int, ...]
    token: str = ""

    def cpu(self) -> float:
        """Return the processor time of its processes and of their children."""
        found = [process for pid in self.pids for process in _family(pid)]
        return sum(times.user + times.system for times in (process.cpu_times() for process in found))


def _family(pid: int) -> list[psutil.Process]:
    process = psutil.Process(pid)
    return [process, *process.children()]


def fetch(door: Door, clients: int, curl: str) -> tuple[float, float]:
    """Fetch with some clients at once; return seconds and processor time of the servers."""
    command = [curl, "--silent", "--fail", "--output", "/dev/null", door.url]
    if door.token:
        command += ["--header", f"Authorization: Bearer {door.token}"]
    start, before = time.perf_counter(), door.cpu()
    running = [subprocess.Popen(command) for _ in range(clients)]  # noqa: S603 - fixed words
    codes = [process.wait() for process in running]
    if any(codes):
        raise SystemExit(f"a download of {door.name} failed")
    return time.perf_counter() - start, door.cpu() - before


def compare(doors: list[Door], size: int, rounds: int, curl: str) -> list[Figure]:
    """Return what each door gives beside the first, the doors taking turns within a round."""
    figures: list[Figure] = []
    for clients in CLIENTS:
        took: dict[str, list[tuple[float, float]]] = {door.name: [] for door in doors}
        for _ in range(rounds):
            for door in doors:
                took[door.name].append(fetch(door, clients, curl))
        speed = {
            name: clients * size / min(seconds for seconds, _ in each) / 1e6 for name, each in took.items()
        }
        cpu = {name: statistics.median(used for _, used in each) for name, each in took.items()}
        peer = doors[0].name
        for door in doors[1:]:
            name = f"{door.name}, {clients} at once"
            figures.append(Figure(name, speed[door.name], speed[peer], "MB/s", TARGET))
            gigabytes = clients * size / 1e9
            used, least = cpu[door.name] / gigabytes, max(cpu[peer], 0.01) / gigabytes
            figures.append(Figure(f"{name}: servers' CPU", used, least, "s/GB", more=False))
    return figures


async def _slow_client(url: str, token: str) -> int:
    parts = urlsplit(url)
    reader, writer = await asyncio.open_connection(parts.hostname, parts.port, limit=8192)
    head = (
        f"GET {parts.path} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {token}\r\nConnection: close\r\n\r\n"
    )
    writer.write(head.encode())
    taken = 0
    for _ in range(int(SLOW_SECONDS / _SLICE_SECONDS)):
        taken += len(await reader.read(int(SLOW_BYTES_A_SECOND * _SLICE_SECONDS)))
        await asyncio.sleep(_SLICE_SECONDS)
    writer.transport.abort()
    return taken


async def _slow(url: str, token: str, count: int) -> list[int]:
    return await asyncio.gather(*(_slow_client(url, token) for _ in range(count)))


def slow_clients(suite: Suite, doors: Iterable[Door], curl: str) -> None:
    """Tell how memory stands while many read slowly, and what another gets meanwhile."""
    for door in doors:
        before = _memory(suite)
        slow = _in_background(door)
        time.sleep(SLOW_SECONDS / 2)
        during = _memory(suite)
        seconds, _ = fetch(door, 1, curl)
        taken = json.loads(slow.communicate()[0])
        grown = {name: (during.by_name[name] - size) / 1e6 for name, size in before.by_name.items()}
        told = ", ".join(
            f"{name} {size / 1e6:.0f} MB and {grown[name]:+.1f} MB" for name, size in before.by_name.items()
        )
        print(
            f"{door.name}: {len(taken)} clients took {sum(taken) / 1e6:.0f} MB; "
            f"memory before and growth: {told}; "
            f"one more client was served in {seconds:.2f} s"
        )


def _in_background(door: Door) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-m", "benchmarks.download", "--slow", door.url, "--token", door.token]
    return subprocess.Popen(command, stdout=subprocess.PIPE)  # noqa: S603 - our own program


def _memory(suite: Suite) -> Peaks:
    found = Peaks()
    for module in ("services.distributor", "services.gateway"):
        for process in suite.processes(module):
            found.take(module, process.memory_info().rss)
    return found


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--megabytes", type=int, default=256, help="size of the bundle, about")
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--slow", default="", help=argparse.SUPPRESS)
    parser.add_argument("--token", default="", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.slow:
        print(json.dumps(asyncio.run(_slow(arguments.slow, arguments.token, SLOW_CLIENTS))))
        return
    curl = shutil.which("curl")
    if curl is None:
        raise SystemExit("curl is missing: it is the client of this measurement")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        folder.chmod(0o711)
        with running_suite(folder / "suite") as suite:
            measure(suite, folder, arguments.megabytes, arguments.rounds, curl)


def measure(suite: Suite, folder: Path, megabytes: int, rounds: int, curl: str) -> None:
    """Make a bundle, serve it three ways, compare."""
    count = megabytes * 2 * 1_000_000 // DOCUMENT_BYTES
    evidence = write(folder / "sboms", (sbom(number, DOCUMENT_BYTES) for number in range(count)))
    suite.stella("evidence", "import", evidence, "--source", "noise")
    suite.stella("export", "profile", "create", "download", "--kind", "json:raw")
    run = suite.export("download")
    tar = folder / "bundle.tar"
    size = len(suite.download(run, tar))
    ports = json.loads((suite.data / "ports.json").read_bytes())
    token = (suite.data / "tokens" / "demo-admin.token").read_text(encoding="ascii").strip()
    distributor = tuple(process.pid for process in suite.processes("services.distributor"))
    gateway = tuple(process.pid for process in suite.processes("services.gateway"))
    own = f"http://127.0.0.1:{ports['distributor-http']}/runs/{short(run)}/bundle"
    through = f"{suite.url}/api/export/runs/{short(run)}/bundle"
    with serving(folder / "nginx", tar) as (peer, nginx):
        doors = [
            Door("nginx", peer, (nginx,)),
            Door("distributor", own, distributor, token),
            Door("gateway", through, (*distributor, *gateway), token),
        ]
        print(f"bundle of {size / 1e6:.0f} MB, curl to /dev/null, best of {rounds} rounds in turns")
        print(machine(), end="\n\n")
        print(table(compare(doors, size, rounds, curl)), flush=True)
        slow_clients(suite, doors[1:], curl)


if __name__ == "__main__":
    main()
