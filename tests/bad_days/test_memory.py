"""A document far beyond the limit is put aside soon, and fills the memory of no process."""

from __future__ import annotations

import json
import subprocess
import sys
import time

import psutil
import pytest

from tests.bad_days.case import Day
from tests.bad_days.documents import osv

pytestmark = pytest.mark.bad_days
MIB = 1 << 20
# The largest document that is taken has 64 MiB: a process may hold it as received, as chunks and as text.
GROWTH_BYTES = 256 * MIB
SECONDS = 90.0  # half of it is sending; a machine with nothing else to do takes five


def rss(process: psutil.Process) -> int:
    try:
        return int(process.memory_info().rss)
    except psutil.NoSuchProcess:
        return 0


@pytest.mark.parametrize("size", [200 * MIB, 500 * MIB])
def test_a_huge_string_is_put_aside_with_its_line_within_a_bound(day: Day, size: int) -> None:
    file = day.file("huge/feed.jsonl", osv("HUGE-1", "1") + b"\n")
    with file.open("ab") as feed:
        feed.write(b'{"id":"HUGE-2","affected":[],"modified":"2024-01-01T00:00:00Z","more":"')
        for _ in range(size // MIB):
            feed.write(b"a" * MIB)
        feed.write(b'"}\n' + osv("HUGE-3", "1") + b"\n")
    suite = psutil.Process(day.suite.process.pid)
    before = {process.pid: rss(process) for process in suite.children(recursive=True)}
    begun = time.monotonic()
    grown = 0
    with subprocess.Popen(
        [sys.executable, "-m", "cli.stella", "evidence", "import", str(file), "--source", f"huge-{size}"],
        env=day.suite.environment(),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    ) as command:
        assert command.stderr is not None
        while command.poll() is None:
            for process in (*suite.children(recursive=True), psutil.Process(command.pid)):
                grown = max(grown, rss(process) - before.get(process.pid, 0))
            time.sleep(0.02)
        said = command.stderr.read()
    assert time.monotonic() - begun < SECONDS
    assert grown < GROWTH_BYTES, grown
    assert "2 added, 0 updated, 0 unchanged, 0 removed, 1 quarantined" in said
    listed = day.stella("evidence", "status", "--quarantine", "--source", f"huge-{size}", "--json")
    seen = [(item["location"], item["reason"]) for item in json.loads(listed.out)["records"]]
    assert seen == [("huge/feed.jsonl:2", "too-large")]
