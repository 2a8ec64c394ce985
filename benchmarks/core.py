"""Measures canonical form, segments and reading back beside bare loops over the same records."""

from __future__ import annotations

import argparse
import gc
import hashlib
import platform
import random
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import msgspec
import zstandard

from libs.common.canon.canonical import canonical
from libs.common.segments.cut import Record, cut
from libs.common.segments.frame import decompress, library_version, make_frame

LEVEL = 3
MADE_UP_RECORDS = 20_000
ROUNDS = 3


@dataclass(frozen=True, slots=True)
class Figure:
    """Bytes a second of ours and of the floor."""

    name: str
    ours: float
    floor: float

    def row(self) -> str:
        """Return the figure as a line of a table."""
        ratio = self.ours / self.floor
        return f"| {self.name} | {self.ours / 1e6:.0f} MB/s | {self.floor / 1e6:.0f} MB/s | {ratio:.2f} |"


def made_up_records(count: int) -> Iterator[tuple[bytes, bytes]]:
    """Yield ids and documents of the shape and size of OSV advisories, seeded by id."""
    for number in range(count):
        identity = f"DEMO-{number:08d}"
        draw = random.Random(identity)
        document = {
            "schema_version": "1.6.0",
            "id": identity,
            "modified": f"2026-01-{draw.randint(1, 28):02d}T00:00:00Z",
            "summary": "".join(draw.choices("abcdefgh ", k=60)),
            "details": "".join(draw.choices("abcdefghijklmnop \n", k=int(draw.lognormvariate(6.5, 0.8)))),
            "affected": [
                {
                    "package": {"ecosystem": "Go", "name": f"example.test/{draw.randint(0, 5000)}"},
                    "ranges": [
                        {
                            "type": "SEMVER",
                            "events": [{"introduced": "0"}, {"fixed": f"1.{draw.randint(0, 99)}.0"}],
                        }
                    ],
                }
                for _ in range(draw.choice((1, 1, 1, 1, 4, 12)))
            ],
            "references": [{"type": "WEB", "url": f"https://example.test/{draw.random()}"} for _ in range(5)],
        }
        yield identity.encode(), msgspec.json.encode(document)


def packed_records(folder: Path) -> Iterator[tuple[bytes, bytes]]:
    """Yield ids and documents of every pack of advisories below `folder`."""
    decode = msgspec.json.Decoder(Pack).decode
    for path in sorted(folder.glob("**/*.jsonl.zst")):
        with path.open("rb") as file, zstandard.ZstdDecompressor().stream_reader(file) as plain:
            for line in plain.read().split(b"\n"):
                if line:
                    record = decode(line)
                    yield f"{path.stem}/{record.id}".encode(), bytes(record.doc)


class Pack(msgspec.Struct):
    """A line of a pack."""

    id: str
    doc: msgspec.Raw = msgspec.Raw(b"null")


def seconds(work: Callable[[], object]) -> float:
    """Return the best time of some rounds."""
    best = float("inf")
    for _ in range(ROUNDS):
        gc.collect()
        start = time.perf_counter()
        work()
        best = min(best, time.perf_counter() - start)
    return best


Records = list[tuple[bytes, bytes]]
Frames = list[tuple[int, bytes]]


def canonical_form(records: Records) -> None:
    """Read strictly and write canonically."""
    for _, document in records:
        canonical(document)


def bare_canonical(records: Records) -> None:
    """Read and write sorted, nothing checked."""
    read, write = msgspec.json.Decoder().decode, msgspec.json.Encoder(order="sorted").encode
    for _, document in records:
        write(read(document))


def segments(records: Records) -> Frames:
    """Make segments as the ledger does."""
    stream = (Record(key, canonical(document)[0], b"{}", b"", None) for key, document in records)
    frames = []
    for segment in cut("advisory", stream):
        frame, stored = make_frame(b"".join(record.document + b"\n" for record in segment), LEVEL)
        frames.append((frame.plain_bytes, stored))
    return frames


def bare_segments(records: Records) -> None:
    """Read, write sorted, hash and compress a mebibyte at a time."""
    read, write = msgspec.json.Decoder().decode, msgspec.json.Encoder(order="sorted").encode
    compressor = zstandard.ZstdCompressor(level=LEVEL)
    pending = bytearray()
    for _, document in records:
        pending += write(read(document)) + b"\n"
        if len(pending) >= 1 << 20:
            plain = bytes(pending)
            hashlib.sha256(plain).digest()
            compressor.compress(plain)
            pending.clear()


def read_back(frames: Frames) -> None:
    """Open frames with every check."""
    for plain_bytes, stored in frames:
        hashlib.sha256(stored).digest()
        hashlib.sha256(decompress(stored, plain_bytes)).digest()


def bare_read_back(frames: Frames) -> None:
    """Open frames, nothing checked beside zstd's own checksum."""
    opener = zstandard.ZstdDecompressor()
    for _, stored in frames:
        hashlib.sha256(stored).digest()
        hashlib.sha256(opener.decompress(stored)).digest()


def measure(records: Records) -> tuple[list[Figure], int]:
    """Return all figures and the bytes that they are over."""
    size = sum(len(document) for _, document in records)
    frames = segments(records)

    def figure(name: str, ours: Callable[[], object], floor: Callable[[], object]) -> Figure:
        return Figure(name, size / seconds(ours), size / seconds(floor))

    figures = [
        figure("canonical form", lambda: canonical_form(records), lambda: bare_canonical(records)),
        figure("segments", lambda: segments(records), lambda: bare_segments(records)),
        figure("read back", lambda: read_back(frames), lambda: bare_read_back(frames)),
    ]
    return figures, size


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, help="folder of packs; made-up records without it")
    arguments = parser.parse_args()
    source = made_up_records(MADE_UP_RECORDS) if arguments.data is None else packed_records(arguments.data)
    records = sorted(source)
    figures, size = measure(records)
    print(
        f"{len(records):,} records, {size / 1e6:.1f} MB; zstd {library_version()} level {LEVEL}; one process;"
    )
    print(f"{platform.machine()}, Python {platform.python_version()}, best of {ROUNDS} rounds\n")
    print("| figure | ours | floor | ratio |\n| --- | ---: | ---: | ---: |")
    for figure in figures:
        print(figure.row())


if __name__ == "__main__":
    main()
