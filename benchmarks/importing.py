"""Measures imports through the real suite beside the bare loop over the same documents, in the same run."""

from __future__ import annotations

import argparse
import tempfile
import time
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import psutil

from benchmarks import made_up
from benchmarks.core import packed_records
from benchmarks.floors import bare_loop
from benchmarks.processes import Watch
from benchmarks.report import Figure, machine, table
from benchmarks.touch import touch_packs
from services.evidence.values import FRAME_LEVEL
from tests.kit.suite import Suite, running_suite

RECORDS = 20_000
CHANGED = 0.001
TARGET = 0.5
TENANT = "demo"
SHOWN = 6  # programs: the others do nothing in an import


@dataclass(frozen=True, slots=True)
class Took:
    """What one import took: seconds by the clock, and seconds of processors by program."""

    seconds: float
    processors: dict[str, float]


def documents(folder: Path) -> Iterator[bytes]:
    """Yield the documents of every pack, as the bare loop takes them."""
    return (document for _, document in packed_records(folder))


def bare(folder: Path) -> tuple[float, float]:
    """Return what the bare loop takes by the clock and of a processor; reading the packs is not counted."""
    by_clock = of_processor = 0.0
    held: list[bytes] = []
    for document in documents(folder):
        held.append(document)
        if len(held) == made_up.CHUNK_RECORDS:
            by_clock, of_processor = _looped(held, by_clock, of_processor)
            held.clear()
    return _looped(held, by_clock, of_processor)


def _looped(held: list[bytes], by_clock: float, of_processor: float) -> tuple[float, float]:
    clock, processor = time.perf_counter(), time.process_time()
    bare_loop(held, FRAME_LEVEL)
    return by_clock + time.perf_counter() - clock, of_processor + time.process_time() - processor


def processors(suite: Suite) -> dict[str, float]:
    """Return the seconds of processors that each program of the suite has taken so far."""
    spent: defaultdict[str, float] = defaultdict(float)
    for process in psutil.Process(suite.process.pid).children(recursive=True):
        try:
            command, times = process.cmdline(), process.cpu_times()
        except psutil.NoSuchProcess:  # a backend of the database that has ended
            continue
        name = next((word for word in command if word.startswith("services.")), process.name())
        spent["postgres" if "postgres" in name else name] += times.user + times.system
    return spent


def imported(suite: Suite, folder: Path) -> Took:
    """Import a folder by the command."""
    before, start = processors(suite), time.perf_counter()
    suite.stella("evidence", "import", folder, tenant=TENANT)
    seconds = time.perf_counter() - start
    after = processors(suite)
    return Took(seconds, {name: spent - before.get(name, 0.0) for name, spent in after.items()})


def measure(packs: Path, changed: Path, folder: Path) -> None:
    """Measure an import, the same again, and one in a thousand changed; print what each took."""
    sizes = [len(document) for document in documents(packs)]
    print(f"{len(sizes):,} records, {sum(sizes) / 1e6:.1f} MB, one tenant\n{machine()}\n")
    with running_suite(folder / "suite") as suite, Watch(suite.process.pid) as watch:
        floors = [bare(packs)]
        steps = {"import": imported(suite, packs)}
        floors.append(bare(packs))
        steps["the same again"] = imported(suite, packs)
        floors.append(bare(packs))
        steps["one in a thousand changed"] = imported(suite, changed)
    by_clock, of_processor = (min(values) for values in zip(*floors, strict=True))
    total = sum(sizes) / 1e6
    figures = [
        Figure(name, total / steps[name].seconds, total / by_clock, "MB/s", target)
        for name, target in (("import", TARGET), ("the same again", None))
    ]
    spent_on_import = sum(steps["import"].processors.values())
    print(table(figures))
    print(
        f"\nprocessors: import {spent_on_import:.1f} s, bare loop {of_processor:.1f} s",
        "\n\n| step | seconds | records/s | seconds of processors by program |",
    )
    print("| --- | ---: | ---: | --- |")
    for name, took in steps.items():
        most = sorted(took.processors.items(), key=lambda program: -program[1])[:SHOWN]
        spent = ", ".join(f"{program} {seconds:.1f}" for program, seconds in most)
        print(f"| {name} | {took.seconds:.1f} | {len(sizes) / took.seconds:,.0f} | {spent} |")
    print("\n| program | peak MiB |\n| --- | ---: |")
    for name, size in sorted(watch.peaks.by_name.items()):
        print(f"| {name} | {size / (1 << 20):,.0f} |")


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, help="folder of packs; made-up records without it")
    parser.add_argument("--records", type=int, default=RECORDS, help="how many to make up")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        packs, changed = arguments.data or folder / "packs", folder / "changed"
        if arguments.data is None:
            made_up.write(packs, arguments.records)
            made_up.write(changed, arguments.records, share=CHANGED)
        else:
            for source in sorted({path.parent for path in packs.rglob("*.jsonl.zst")}):
                touch_packs(source, changed / source.relative_to(packs), CHANGED)
        measure(packs, changed, folder)


if __name__ == "__main__":
    main()
