"""Measures exports by the real suite, from creation to success, beside a bare loop and `jq -cS . | zstd`."""

from __future__ import annotations

import argparse
import shutil
import statistics
import subprocess
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import psutil

from benchmarks import made_up
from benchmarks.core import packed_records
from benchmarks.floors import bare_loop
from benchmarks.report import Figure, machine, table
from benchmarks.runs import Measured, Runs, peaks
from benchmarks.touch import touch_packs
from tests.kit import made_up as made_up_records
from tests.kit.suite import Suite, running_suite

FOLDERS = ("advisories", "cve", "findings", "sboms", "vex")
MADE_UP_RECORDS = 20_000
ROUNDS = 3
TINY_RECORDS = 100
TINY_RUNS = 15
TINY_MILLISECONDS = 300.0
CHANGED = 0.001
LEVEL = 3  # the ledger's own, so frames leave as they are
OTHER_LEVEL = 4  # every segment is opened and compressed again
# Every record that states a time is taken, so every document is read, and all that is left compressed again.
EVERY_RECORD = {"modifiedSince": "1970-01-01T00:00:00Z"}
LONG_LEVEL = 19  # makes a cold run long without more evidence
MEMORY = 300e6
Spec = dict[str, Any]  # what a profile says beside its kind


@dataclass(slots=True)
class Report:
    """What was measured so far."""

    figures: list[Figure] = field(default_factory=list)
    runs: list[tuple[str, Measured]] = field(default_factory=list)
    peaks: dict[str, int] = field(default_factory=dict)

    def best(self, name: str, found: list[Measured]) -> Measured:
        """Keep the fastest of some runs, and return it."""
        best = min(found, key=lambda measured: measured.seconds)
        print(f"{name}: {best.seconds:.2f} s, {best.cpu_seconds:.2f} s of processors", flush=True)
        self.runs.append((name, best))
        return best


@dataclass(frozen=True, slots=True)
class Evidence:
    """What is exported: packs, their documents as one stream, and packs of what changes."""

    packs: list[Path]
    documents: Path
    changed: Path
    one_source: Path

    @property
    def size(self) -> int:
        """Return the bytes of all documents."""
        return self.documents.stat().st_size

    def lines(self) -> Iterator[bytes]:
        """Yield the documents."""
        with self.documents.open("rb") as file:
            yield from file


def prepare(data: Path | None, count: int, folder: Path) -> Evidence:
    """Write what is needed to `folder`."""
    if data is None:
        data = folder / "packs"
        made_up.write(data, count)
    packs = [data / name for name in FOLDERS if (data / name).is_dir()] or [data]
    documents = folder / "documents.jsonl"
    records: Counter[str] = Counter()
    with documents.open("wb") as file:
        for pack in packs:
            for key, document in packed_records(pack):
                file.write(document + b"\n")
                records[key.partition(b"/")[0].decode()] += 1
    for pack in packs:
        touch_packs(pack, folder / "changed" / pack.name, CHANGED)
    (name, of_one), *_ = records.most_common(1)
    largest = next(path for pack in packs for path in pack.rglob(f"{name}.zst"))
    kind = largest.parent.name  # which tells what the records are
    (folder / "one" / kind).mkdir(parents=True)
    shutil.copy2(largest, folder / "one" / kind)
    touch_packs(
        folder / "one" / kind, folder / "one-source" / kind, min(CHANGED * records.total() / of_one, 1.0)
    )
    return Evidence(packs, documents, folder / "changed", folder / "one-source")


def timed(name: str, work: Callable[[], object]) -> float:
    """Return how long some work takes by the clock; print that, and what it takes of processors."""
    before, start = _processors(), time.perf_counter()
    work()
    took = time.perf_counter() - start
    print(f"{name}: {took:.2f} s, {_processors() - before:.2f} s of processors", flush=True)
    return took


def _processors() -> float:
    own = psutil.Process().cpu_times()
    return own.user + own.system + own.children_user + own.children_system


def measure_cold(runs: Runs, evidence: Evidence, rounds: int, report: Report) -> float:
    """Measure cold exports by one host beside the bare loop, in turns; return the seconds by default."""
    cases: tuple[tuple[str, int, Spec], ...] = (
        ("cold, frames taken over", LEVEL, {}),
        (f"cold, level {OTHER_LEVEL}", OTHER_LEVEL, {"compressionLevel": OTHER_LEVEL}),
        ("cold, every document read", LEVEL, {"selector": EVERY_RECORD}),
    )
    ours: list[list[Measured]] = [[] for _ in cases]
    bare: dict[int, float] = {}
    for _ in range(rounds):
        for number, (_, _, spec) in enumerate(cases):
            ours[number].append(runs.cold(**spec))
        for level in (LEVEL, OTHER_LEVEL):
            took = timed(f"bare loop, level {level}", partial(bare_loop, evidence.lines(), level))
            bare[level] = min(took, bare.get(level, took))
    size = evidence.size / 1e6
    for (name, level, _), found in zip(cases, ours, strict=True):
        best = report.best(name, found)
        figure = Figure(f"{name}; bare loop", size / best.seconds, size / bare[level], "MB/s", 0.6)
        report.figures.append(figure)
    return min(found.seconds for found in ours[0])


def measure_reruns(suite: Suite, runs: Runs, evidence: Evidence, cold: float, report: Report) -> None:
    """Measure exports of a profile that has run before."""
    profile = runs.profile()
    runs.run(profile)
    same = report.best("rerun, nothing changed", [runs.run(profile) for _ in range(ROUNDS)])
    report.figures.append(Figure("rerun, nothing changed; cold", same.seconds, cold, "s", 0.01, more=False))
    for name, folder in (
        ("the source of most records", evidence.one_source),
        ("all sources", evidence.changed),
    ):
        packs = sorted({path.parent for path in folder.rglob("*.zst")})
        if not packs:
            print(f"so few records that none of them is among the 0.1 % that change in {name}")
            continue
        suite.stella("evidence", "import", *packs)
        label = f"rerun, 0.1 % changed in {name}"
        found = report.best(label, [runs.run(profile)])
        if found.run["progress"]["segmentsReused"] == found.run["progress"]["segments"]:
            raise SystemExit(f"{label}: no segment differs, so this measures something else")
        report.figures.append(Figure(f"{label}; cold", found.seconds, cold, "s", 0.05, more=False))


def measure_long(runs: Runs, report: Report) -> None:
    """Measure a cold export that takes long, and the same with nothing changed."""
    profile = runs.profile(compressionLevel=LONG_LEVEL)
    runs.forget()
    cold = report.best(f"cold, level {LONG_LEVEL}", [runs.run(profile)])
    same = report.best(
        f"rerun of level {LONG_LEVEL}, nothing changed", [runs.run(profile) for _ in range(ROUNDS)]
    )
    figure = Figure(
        f"rerun, nothing changed; cold at level {LONG_LEVEL}",
        same.seconds,
        cold.seconds,
        "s",
        0.01,
        more=False,
    )
    report.figures.append(figure)


def measure_tiny(suite: Suite, folder: Path, report: Report) -> None:
    """Measure runs of a hundred records, cold each time."""
    written = made_up_records.write(
        folder / "tiny" / "osv-test", (made_up_records.advisory(number) for number in range(TINY_RECORDS))
    )
    with Runs(suite, "tiny") as runs:
        suite.stella("evidence", "import", written, tenant="tiny")
        found = [runs.cold() for _ in range(TINY_RUNS)]
    report.best(f"{TINY_RECORDS} records, the fastest of {TINY_RUNS}", found)
    median = statistics.median(measured.seconds for measured in found) * 1000
    report.figures.append(
        Figure(f"{TINY_RECORDS} records, median; limit", median, TINY_MILLISECONDS, "ms", 1.0, more=False)
    )


def jq_seconds(documents: Path) -> float | None:
    """Return how long `jq -cS . | zstd` takes over the documents, or None where a program is missing."""
    jq, zstd = shutil.which("jq"), shutil.which("zstd")
    if jq is None or zstd is None:
        return None

    def pipe() -> None:
        with documents.open("rb") as source:
            sorting = subprocess.Popen([jq, "-cS", "."], stdin=source, stdout=subprocess.PIPE)  # noqa: S603 - fixed words
            assert sorting.stdout is not None
            command = [zstd, f"-{LEVEL}", "-q", "-c"]
            subprocess.run(command, stdin=sorting.stdout, stdout=subprocess.DEVNULL, check=True)  # noqa: S603 - the same
            if sorting.wait():
                raise SystemExit("jq failed")

    return timed("jq and zstd", pipe)


def measure_two_hosts(evidence: Evidence, folder: Path, rounds: int, report: Report) -> None:
    """Measure cold exports by two hosts beside `jq -cS . | zstd`."""
    cases: tuple[tuple[str, Spec], ...] = (
        ("cold, two hosts, frames taken over", {}),
        (f"cold, two hosts, level {OTHER_LEVEL}", {"compressionLevel": OTHER_LEVEL}),
        ("cold, two hosts, every document read", {"selector": EVERY_RECORD}),
    )
    beside = jq_seconds(evidence.documents)
    if beside is None:
        print("jq or zstd is missing: bash tools/install.sh jq zstd says how to have them")
        return
    size = evidence.size / 1e6
    with running_suite(folder / "two", hosts=2) as suite, Runs(suite) as runs:
        suite.stella("evidence", "import", *evidence.packs)
        for name, spec in cases:
            best = report.best(name, [runs.cold(**spec) for _ in range(rounds)])
            report.figures.append(Figure(f"{name}; jq", size / best.seconds, size / beside, "MB/s", 2.0))
        _keep_peaks(suite, report)


def _keep_peaks(suite: Suite, report: Report) -> None:
    for name, size in peaks(suite).items():
        report.peaks[name] = max(size, report.peaks.get(name, 0))


def show(report: Report, evidence: Evidence) -> None:
    """Print everything."""
    print(f"{evidence.size / 1e6:,.1f} MB of documents. {machine()}.")
    print("Each figure stands beside what its name ends with.\n")
    print(table(report.figures))
    names = list(report.runs[0][1].cpu)
    print(f"\n| run | clock | processors | {' | '.join(names)} |\n|{' --- |' * (len(names) + 3)}")
    for title, measured in report.runs:
        spent = " | ".join(f"{measured.cpu[name]:.2f}" for name in names)
        print(f"| {title} | {measured.seconds:.2f} s | {measured.cpu_seconds:.2f} s | {spent} |")
    print("\n| process | most memory |\n| --- | ---: |")
    for name, size in sorted(report.peaks.items()):
        print(f"| {name} | {size / 1e6:.0f} MB{'' if size < MEMORY else ', over 300 MB'} |")


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, help="folder of packs; made-up records without it")
    parser.add_argument("--records", type=int, default=MADE_UP_RECORDS, help="made-up records")
    parser.add_argument(
        "--rounds", type=int, default=ROUNDS, help="cold runs of each kind; the fastest counts"
    )
    parser.add_argument(
        "--long", action="store_true", help=f"also a cold run at level {LONG_LEVEL}, which takes minutes"
    )
    arguments = parser.parse_args()
    report = Report()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        folder.chmod(0o711)  # the database's own user passes through it
        evidence = prepare(arguments.data, arguments.records, folder)
        with running_suite(folder / "one-host") as suite:
            measure_tiny(suite, folder, report)
            with Runs(suite) as runs:
                suite.stella("evidence", "import", *evidence.packs)
                cold = measure_cold(runs, evidence, arguments.rounds, report)
                measure_reruns(suite, runs, evidence, cold, report)
                if arguments.long:
                    measure_long(runs, report)
            _keep_peaks(suite, report)
        measure_two_hosts(evidence, folder, arguments.rounds, report)
        show(report, evidence)


if __name__ == "__main__":
    main()
