"""Makes runs of a suite over its REST door, and measures each from its creation to its end."""

from __future__ import annotations

import json
import shutil
import time
import uuid
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import httpx
import psutil

from tests.kit.suite import Suite

RUNS = "/api/export/runs"
ANSWER_SECONDS = 900.0
# What is looked for in the commands of the suite's processes.
PROGRAMS = ("evidence", "planner", "adapter_host", "signer", "distributor", "gateway", "nats", "postgres")


@dataclass(frozen=True, slots=True)
class Measured:
    """A run that succeeded: seconds by the clock, seconds of processors by program, the run itself."""

    seconds: float
    cpu: dict[str, float]
    run: dict[str, Any]

    @property
    def cpu_seconds(self) -> float:
        """Return the seconds of processors of all programs."""
        return sum(self.cpu.values())


class Runs:
    """A user of one tenant with one open connection, so that no start of a command is measured."""

    def __init__(self, suite: Suite, tenant: str = "demo") -> None:
        self._suite = suite
        self._tenant = tenant
        token = suite.token(tenant, "admin")
        headers = {"Authorization": f"Bearer {token}", "X-Stella-Tenant": tenant}
        self._client = httpx.Client(base_url=suite.url, headers=headers, timeout=ANSWER_SECONDS)

    def __enter__(self) -> Self:
        """Return itself."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close the connection."""
        self._client.close()

    def profile(self, **spec: Any) -> str:
        """Make a profile that no run had before, and return its name."""
        name = f"bench-{uuid.uuid4().hex[:12]}"
        body = {"spec": {"kind": "json", "variant": "raw", **spec}}
        self._client.post(f"/api/export/profiles?profileId={name}", json=body).raise_for_status()
        return name

    def forget(self) -> None:
        """Remove everything that exports of the tenant have stored: blobs and notes."""
        shutil.rmtree(self._suite.data / "blobs" / "exports" / self._tenant, ignore_errors=True)

    def cold(self, **spec: Any) -> Measured:
        """Run a new profile with nothing stored."""
        name = self.profile(**spec)
        self.forget()
        return self.run(name)

    def run(self, profile: str) -> Measured:
        """Run a profile to its end."""
        processes = programs(self._suite)
        before = _cpu(processes)
        start = time.perf_counter()
        key = {"Idempotency-Key": str(uuid.uuid4())}
        answer = self._client.post(RUNS, json={"profile": profile}, headers=key)
        answer.raise_for_status()
        run = str(answer.json()["name"]).rpartition("/")[2]
        self._wait(run)
        seconds = time.perf_counter() - start
        after = _cpu(processes)
        ended = self._client.get(f"{RUNS}/{run}").json()
        if ended["state"] != "STATE_SUCCEEDED":
            raise SystemExit(f"run {run} ended as {ended['state']}: {ended.get('error')}")
        return Measured(seconds, {name: after[name] - before[name] for name in before}, ended)

    def _wait(self, run: str) -> None:
        with self._client.stream("GET", f"{RUNS}/{run}/events") as answer:
            for line in answer.iter_lines():
                # An attempt that failed may be followed by another; where none is, the stream ends by itself.
                if line.startswith("data:") and json.loads(line[5:])["type"] == "succeeded":
                    return


def programs(suite: Suite) -> dict[str, list[psutil.Process]]:
    """Return the suite's processes by program."""
    found: dict[str, list[psutil.Process]] = {name: [] for name in PROGRAMS}
    for process in psutil.Process(suite.process.pid).children(recursive=True):
        try:
            command = " ".join(process.cmdline())
        except psutil.NoSuchProcess:
            continue
        name = next((name for name in PROGRAMS if f"services.{name}" in command), None)
        name = name or next((name for name in ("nats", "postgres") if name in command), None)
        if name is not None:
            found[name].append(process)
    return found


def _cpu(processes: dict[str, list[psutil.Process]]) -> dict[str, float]:
    spent = dict.fromkeys(processes, 0.0)
    for name, some in processes.items():
        for process in some:
            try:
                times = process.cpu_times()
            except psutil.NoSuchProcess:  # a backend of the database that has ended
                continue
            spent[name] += times.user + times.system
    return spent


def peaks(suite: Suite) -> dict[str, int]:
    """Return the most bytes of memory that one process of each program has had, as the kernel kept it."""
    found: dict[str, int] = {}
    for name, some in programs(suite).items():
        for process in some:
            try:
                status = Path(f"/proc/{process.pid}/status").read_text(encoding="utf-8")
            except FileNotFoundError:
                continue
            lines = [line for line in status.splitlines() if line.startswith("VmHWM:")]
            size = int(lines[0].split()[1]) * 1024 if lines else 0
            found[name] = max(found.get(name, 0), size)
    return found
