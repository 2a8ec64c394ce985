"""Measures verification of a bundle in a tar beside hashing and unpacking the same frames unchecked."""

from __future__ import annotations

import argparse
import json
import resource
import tempfile
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import BinaryIO

import zstandard

from benchmarks import bundles
from benchmarks.floors import bare_read_back
from benchmarks.report import Figure, machine, table
from libs.common.bundle.checks import Outcome, verdict
from libs.common.bundle.contents import THREADS
from libs.common.bundle.layout import RECORD_FOLDERS, index_path
from libs.common.bundle.sources import TarSource
from libs.common.bundle.verify import iter_checks
from tests.kit.bundles import KEY, tar_of

LEVEL = 3
RECORDS = 20_000
ROUNDS = 7
TARGET = 0.7
Frames = list[bytes]
Parts = list[Frames]


def parts_of(file: BinaryIO) -> Parts:
    """Return the frames of each record file, as the indexes place them."""
    source = TarSource(file)
    there = dict(source.files())
    found: Parts = []
    for kind in RECORD_FOLDERS:
        path = index_path(kind)
        index = json.loads(b"".join(source.open(path))) if path in there else {"parts": []}
        for part in index["parts"]:
            for name, offset, length in (
                ("path", "offset", "bytes"),
                ("sourcesPath", "sourcesOffset", "sourcesBytes"),
            ):
                stored = b"".join(source.open(part[name]))
                places = ((entry.get(offset, 0), entry[length]) for entry in part["segments"])
                found.append([stored[start : start + size] for start, size in places])
    return found


def bare(parts: Parts) -> None:
    """Hash and unpack the stored frames and hash what they hold, parts shared out among the same threads."""
    with ThreadPoolExecutor(THREADS) as executor:
        list(executor.map(bare_read_back, parts))


def verified(file: BinaryIO) -> None:
    """Verify with every check."""
    outcome = verdict(iter_checks(TarSource(file), [KEY.public]))
    if outcome is not Outcome.PASSED:
        raise SystemExit("the bundle does not verify, so there is nothing to measure")


def processor_seconds(rounds: int, works: Sequence[Callable[[], object]]) -> list[float]:
    """Return the least processor seconds of each work, taking turns: a busy machine stretches time alone."""
    least = [float("inf")] * len(works)
    for _ in range(rounds):
        for number, work in enumerate(works):
            begun = time.process_time()
            work()
            least[number] = min(least[number], time.process_time() - begun)
    return least


def measure(file: BinaryIO) -> None:
    """Print what verification takes beside its floors."""
    verified(file)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e3
    parts = parts_of(file)
    stored = sum(len(frame) for frames in parts for frame in frames)
    plain = sum(zstandard.get_frame_parameters(frame).content_size for frames in parts for frame in frames)
    ours, least = processor_seconds(ROUNDS, (lambda: verified(file), lambda: bare(parts)))
    print(f"{plain / 1e6:.1f} MB plain, {stored / 1e6:.1f} MB stored, {len(parts)} record files, "
          f"{THREADS} threads, best of {ROUNDS}, MB of plain bytes a second of processor time")  # fmt: skip
    print(f"{machine()}; peak of the process before the floors: {peak:.0f} MB", end="\n\n")
    speed = plain / 1e6
    print(table([Figure("verify / hash, unpack", speed / ours, speed / least, "MB/s", TARGET)]))


def main() -> None:
    """Make a bundle and measure it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, help="folder of packs; made-up records without it")
    parser.add_argument("--bundle", type=Path, help="a tar made before by --keep")
    parser.add_argument("--keep", type=Path, help="write the tar there")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        path = arguments.bundle or arguments.keep or Path(folder) / "bundle.tar"
        if arguments.bundle is None:
            given = bundles.made_up(RECORDS) if arguments.data is None else bundles.packed(arguments.data)
            path.write_bytes(tar_of(bundles.make(given, LEVEL)))
        with path.open("rb") as file:
            measure(file)


if __name__ == "__main__":
    main()
