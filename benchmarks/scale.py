"""Runs the whole suite over growing sets of evidence and notes how time and memory grow with them."""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

from benchmarks import made_up, scale_page
from benchmarks.bundle_delta import delta
from benchmarks.processes import Peaks, Timer, Took, Watch, followed
from benchmarks.report import machine
from benchmarks.touch import touch_packs
from tests.kit.suite import Suite, running_suite, short

PARTS = (8, 4, 2, 1)  # the sizes: the largest divided by these
CHANGED = 0.001
HOSTS = 2
PROFILE = "scale"
FOLDERS = ("advisories", "cve", "findings", "sboms", "vex")
_WORDS = {"run": 3, "key": 3, "profile": 3}  # what names a command; two words elsewhere
RESULTS = Path("docs/operations/scale.jsonl")


@dataclass(slots=True)
class Result:
    """What one size took and held."""

    evidence: str  # `made-up`, or `real` packs
    records: int = 0
    taken: int = 0
    plain_bytes: int = 0
    bundle_bytes: int = 0
    segments: int = 0
    differing_segments: int = 0
    changed_records: int = 0
    steps: dict[str, dict[str, float]] = field(default_factory=dict)
    runs: dict[str, float] = field(default_factory=dict)  # seconds from creation to end, as the run says
    peaks: dict[str, int] = field(default_factory=dict)
    machine: str = ""
    revision: str = ""
    load: float | None = None  # of the machine over five minutes, which says whether it was shared


class Bench:
    """One size: its folder, its suite and what is noted of it."""

    def __init__(self, suite: Suite, watch: Watch, folder: Path, result: Result) -> None:
        """Take where to work and where to note."""
        self.suite = suite
        self.folder = folder
        self.result = result
        self._watch = watch
        self._commands = Peaks()

    def step(self, name: str, work: Callable[[], Any]) -> Any:
        """Do and note one step."""
        timer = Timer(self._watch)
        found = work()
        note(self.result, name, timer.took())
        return found

    def stella(self, *arguments: str | Path) -> Any:
        """Run a command that must succeed, follow its memory, return its JSON."""
        words = [str(argument) for argument in arguments]
        command = [sys.executable, "-m", "cli.stella", *words, "--format", "json"]
        with (self.folder / "command.log").open("w+b") as log:
            process = subprocess.Popen(  # noqa: S603 - our own program, arguments as a list
                command,
                env=self.suite.environment(),
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=log,
            )
            with followed(
                process.pid, f"stella {' '.join(words[: _WORDS.get(words[1], 2)])}", self._commands
            ):
                output, _ = process.communicate()
            if process.returncode:
                log.seek(0)
                raise SystemExit(f"{words} ended with {process.returncode}: {log.read().decode()[-2000:]}")
        return json.loads(output) if output.strip() else None

    def finish(self) -> None:
        """Note the peaks of everything that ran."""
        self.result.load = round(os.getloadavg()[1], 1)
        self.result.peaks = dict(sorted({**self._watch.peaks.by_name, **self._commands.by_name}.items()))


def note(result: Result, name: str, took: Took) -> None:
    """Keep and tell what a step took."""
    result.steps[name] = {"seconds": round(took.seconds, 3), "cpu": round(took.cpu, 3)}
    print(f"  {name:24} {took.seconds:9.1f} s {took.cpu:9.1f} s of CPU", flush=True)


def revision() -> str:
    """Return which state of the code is measured."""
    git = shutil.which("git")
    command = [git or "git", "rev-parse", "--short", "HEAD"]
    ended = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603 - fixed words
    return ended.stdout.strip() or "unknown"


@contextlib.contextmanager
def started(folder: Path, result: Result) -> Iterator[Bench]:
    """Run a suite in a folder, watched."""
    with running_suite(folder / "suite", hosts=HOSTS) as suite, Watch(suite.process.pid) as watch:
        bench = Bench(suite, watch, folder, result)
        yield bench
        watch.look()
        bench.finish()


def measure(bench: Bench, evidence: list[Path], changed: list[Path]) -> None:
    """Take one set of evidence through everything that the suite does with it."""
    before, after = bench.folder / "before.tar", bench.folder / "after.tar"
    result = bench.result
    bench.step("import", lambda: bench.stella("evidence", "import", *evidence))
    bench.stella("export", "profile", "create", PROFILE, "--kind", "json:raw")
    run = export(bench, "export")
    export(bench, "export again, unchanged")
    bench.step("download", lambda: bench.stella("export", "download", short(run), "-o", before))
    bench.step("import 0.1% changed", lambda: bench.stella("evidence", "import", *changed))
    run = export(bench, "export 0.1% changed")
    bench.stella("export", "download", short(run), "-o", after)
    found = bench.step("delta of segments", lambda: delta(before, after))
    result.segments, result.differing_segments = found.segments, found.differing_segments
    result.changed_records = found.differing_records
    result.bundle_bytes = before.stat().st_size
    key = bench.suite.data / "keys" / "cosign.pub"
    bench.stella("export", "key", "export", "-o", key)
    bench.step("verify", lambda: bench.stella("export", "verify", before, "--key", key))
    status = bench.stella("evidence", "status")
    result.taken = sum(int(entry["dataset"]["records"]) for entry in status["datasets"])


def export(bench: Bench, name: str) -> dict[str, Any]:
    """Run the profile to its end, and note beside the step how long the run itself took."""
    run: dict[str, Any] = bench.step(name, lambda: bench.stella("export", "run", "start", PROFILE, "--wait"))
    began, ended = (datetime.fromisoformat(run[moment]) for moment in ("createTime", "endTime"))
    bench.result.runs[name] = (ended - began).total_seconds()
    return run


def made_up_size(count: int, place: Path) -> Result:
    """Measure one size of made-up evidence."""
    result = Result("made-up", records=count, machine=machine(), revision=revision())
    with tempfile.TemporaryDirectory(dir=place) as name:
        folder = Path(name)
        folder.chmod(0o711)  # the database's own user passes through it
        with started(folder, result) as bench:
            written = bench.step("make", lambda: made_up.write(folder / "packs", count))
            result.plain_bytes = written.plain
            made_up.write(folder / "changed", count, share=CHANGED)
            measure(bench, [folder / "packs"], [folder / "changed"])
    return result


def real_packs(data: Path, place: Path) -> Result:
    """Measure real packs."""
    result = Result("real", machine=machine(), revision=revision())
    folders = [data / name for name in FOLDERS if (data / name).is_dir()]
    with tempfile.TemporaryDirectory(dir=place) as name:
        folder = Path(name)
        folder.chmod(0o711)
        touched = [folder / "changed" / path.name for path in folders]
        for path, target in zip(folders, touched, strict=True):
            records, plain = touch_packs(path, target, CHANGED)
            result.records += records
            result.plain_bytes += plain
        with started(folder, result) as bench:
            measure(bench, folders, [path for path in touched if any(path.iterdir())])
    return result


def keep(results: list[Result]) -> None:
    """Write the results, in place of earlier ones of the same evidence."""
    kinds = {result.evidence for result in results}
    known = scale_page.read(RESULTS) if RESULTS.exists() else []
    rows = [row for row in known if row["evidence"] not in kinds] + [asdict(result) for result in results]
    rows.sort(key=lambda row: (row["evidence"], row["records"]))
    RESULTS.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    scale_page.write(RESULTS)


def main() -> None:
    """Measure, size by size, and write the page."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--records", type=int, default=1_000_000, help="the largest size")
    parser.add_argument("--data", type=Path, help="folder of real packs to measure in place of made-up ones")
    parser.add_argument("--place", type=Path, help="folder for the work; 40 kB a record are needed")
    parser.add_argument("--only-print", action="store_true", help="leave the page as it is")
    arguments = parser.parse_args()
    results = []
    for count in (0,) if arguments.data else sorted({max(arguments.records // part, 1) for part in PARTS}):
        print(f"{count:,} records" if count else f"packs of {arguments.data}", flush=True)
        result = (
            real_packs(arguments.data, arguments.place)
            if arguments.data
            else made_up_size(count, arguments.place)
        )
        results.append(result)
        print(f"  {result.taken:,} records taken, {result.plain_bytes / 1e6:,.0f} MB of documents")
        print(f"  {result.differing_segments} of {result.segments} segments differ")
        for name, peak in result.peaks.items():
            print(f"  {name:32} {peak / 1e6:7.0f} MB at most", flush=True)
        if not arguments.only_print:
            keep(results)


if __name__ == "__main__":
    main()
