"""Makes evidence of any size in the shapes of real packs, as lines that `stella evidence import` takes.

Every record is seeded by its own number, so a smaller set is a part of a larger one, byte for byte.
"""

from __future__ import annotations

import argparse
import hashlib
import multiprocessing
import os
import random
import shutil
import time
from collections.abc import Iterable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import IO

import zstandard

from benchmarks.growth import born, change_by, is_deleted, is_touched, size_on
from benchmarks.shapes.catalogue import Source, source_at
from benchmarks.shapes.drawing import seed_of, share_of
from benchmarks.shapes.subject import Change, Subject

LEVEL = 1
CHUNK_RECORDS = 5_000  # what one process makes at a time; each source's file gets one frame of it
LARGEST = 0.001  # of records are as large as the largest real one of their source
TEN_TIMES = 0.00001  # are ten times that


@dataclass(frozen=True, slots=True)
class Made:
    """One record: where it belongs, its id, and its document."""

    source: Source
    identity: str
    document: bytes

    def line(self) -> bytes:
        """Return the record as a line of a pack."""
        digest = hashlib.sha256(self.document).hexdigest()
        origin = f"made-up/{self.source.name}@000000000000:{self.identity}"
        head = f'{{"id":"{self.identity}","src":"{origin}","sha256":"{digest}","doc":'
        return b"".join((head.encode(), self.document, b"}\n"))


def source_of(number: int) -> Source:
    """Return the source of a record."""
    return source_at(share_of("source", number))


def record(number: int, change: Change, source: Source | None = None) -> Made:
    """Return a record as `change` has made it."""
    source = source or source_of(number)
    chance = random.Random(seed_of("record", number)).random
    drawn, tail = chance(), chance()
    target = source.sizes.at(drawn)
    if tail < LARGEST:
        target = source.most * (10 if tail < TEN_TIMES else 1)
    identity, document = source.build(Subject(number, chance, target, change))
    return Made(source, identity, document.encode())


def records(first: int, end: int, count: int, day: int = 0) -> Iterator[Made]:
    """Yield what is there on a day of the records from `first` to `end`; `count` is the size on day 0."""
    for number in range(first, min(end, size_on(count, day))):
        first_day = born(number, count) if number >= count else 0
        if day and is_deleted(number, first_day, day):
            continue
        source = source_of(number)
        yield record(number, change_by(number, source.name, first_day, day) if day else Change(), source)


def day(count: int, number: int, first: int = 0, end: int | None = None) -> Iterator[Made]:
    """Yield the records that are new or other on day `number` than the day before."""
    new_from = size_on(count, number - 1)
    for each in range(first, min(end or new_from, new_from)):
        source = source_of(each)
        first_day = born(each, count) if each >= count else 0
        if is_touched(each, source.name, number) and not is_deleted(each, first_day, number):
            yield record(each, change_by(each, source.name, first_day, number), source)
    for each in range(max(first, new_from), min(end or size_on(count, number), size_on(count, number))):
        yield record(each, Change())


def touched(first: int, end: int, share: float) -> Iterator[Made]:
    """Yield `share` of the records of day 0, changed in `modified` and `references`."""
    for number in range(first, end):
        if share_of("touched", number) < share:
            yield record(number, Change(days=1, references=1))


@dataclass(frozen=True, slots=True)
class Written:
    """What was written: records, bytes of documents, bytes of files."""

    records: int
    plain: int
    packed: int


def write(folder: Path, count: int, *, share: float | None = None, processes: int = 2) -> Written:
    """Write `count` records, or the changed `share` of them, as one pack for each source below `folder`."""
    folder.mkdir(parents=True)
    spans = [(first, min(first + CHUNK_RECORDS, count)) for first in range(0, count, CHUNK_RECORDS)]
    made = partial(_write_chunk, folder, share)
    plain = records_made = 0
    with multiprocessing.get_context("spawn").Pool(processes) as pool:
        for number, (chunk_records, chunk_plain) in enumerate(pool.imap(made, spans)):
            plain += chunk_plain
            records_made += chunk_records
            _join(folder, spans[number][0])
    packed = sum(path.stat().st_size for path in folder.rglob("*.zst"))
    return Written(records_made, plain, packed)


def _write_chunk(folder: Path, share: float | None, span: tuple[int, int]) -> tuple[int, int]:
    first, end = span
    wanted = records(first, end, end) if share is None else touched(first, end, share)
    return _write_frames(folder / f"chunk-{first}", wanted)


def _write_frames(folder: Path, wanted: Iterable[Made]) -> tuple[int, int]:
    """Write one frame for each source and return records and bytes of documents."""
    count = plain = 0
    writers: dict[str, IO[bytes]] = {}
    with ExitStack() as stack:
        for made in wanted:
            writer = writers.get(made.source.name)
            if writer is None:
                path = folder / made.source.folder / f"{made.source.name}.jsonl.zst"
                path.parent.mkdir(parents=True, exist_ok=True)
                file = stack.enter_context(path.open("wb"))
                packer = zstandard.ZstdCompressor(level=LEVEL, write_checksum=True).stream_writer(
                    file, closefd=False
                )
                writer = writers[made.source.name] = stack.enter_context(packer)
            writer.write(made.line())
            count += 1
            plain += len(made.document)
    return count, plain


def _join(folder: Path, first: int) -> None:
    """Append a chunk's frames to the packs: frames in a row are one stream."""
    chunk = folder / f"chunk-{first}"
    if not chunk.exists():
        return
    for part in sorted(chunk.rglob("*.zst")):
        pack = folder / part.relative_to(chunk)
        pack.parent.mkdir(exist_ok=True)
        with part.open("rb") as source, pack.open("ab") as target:
            shutil.copyfileobj(source, target)
    shutil.rmtree(chunk)


def main() -> None:
    """Write packs and say what they are."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--records", type=int, default=100_000)
    parser.add_argument("--changed", type=float, help="write this share of the records alone, changed")
    arguments = parser.parse_args()
    start, before = time.perf_counter(), os.times()
    made = write(arguments.folder, arguments.records, share=arguments.changed)
    took, after = time.perf_counter() - start, os.times()
    cpu = sum(after[:4]) - sum(before[:4])
    mean = made.plain / max(made.records, 1)
    print(
        f"{made.records:,} records, {made.plain / 1e6:,.1f} MB of documents ({mean:,.0f} bytes each), "
        f"{made.packed / 1e6:,.1f} MB in packs, {took:.1f} s, {cpu:.1f} s of CPU"
    )


if __name__ == "__main__":
    main()
