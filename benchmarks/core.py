"""Measures canonical form, segments and reading back beside bare loops over the same records."""

from __future__ import annotations

import argparse
import hashlib
import random
from collections.abc import Callable, Iterator
from pathlib import Path

import msgspec
import zstandard

from benchmarks.floors import bare_loop, bare_read_back
from benchmarks.report import Figure, best_of, machine, table
from libs.common.canon.canonical import canonical
from libs.common.segments.cut import Record, cut
from libs.common.segments.frame import decompress, make_frame

LEVEL = 3
MADE_UP_RECORDS = 20_000
ROUNDS = 3


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


def read_back(frames: Frames) -> None:
    """Open frames with every check."""
    for plain_bytes, stored in frames:
        hashlib.sha256(stored).digest()
        hashlib.sha256(decompress(stored, plain_bytes)).digest()


def measure(records: Records) -> tuple[list[Figure], int]:
    """Return all figures and the bytes that they are over."""
    size = sum(len(document) for _, document in records)
    frames = segments(records)

    def figure(name: str, ours: Callable[[], object], floor: Callable[[], object]) -> Figure:
        took, least = best_of(ROUNDS, ours, floor)
        return Figure(name, size / took / 1e6, size / least / 1e6, "MB/s")

    documents = [document for _, document in records]
    stored = [frame for _, frame in frames]
    figures = [
        figure("canonical form", lambda: canonical_form(records), lambda: bare_canonical(records)),
        figure("segments", lambda: segments(records), lambda: bare_loop(documents, LEVEL)),
        figure("read back", lambda: read_back(frames), lambda: bare_read_back(stored)),
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
    print(f"{len(records):,} records, {size / 1e6:.1f} MB, level {LEVEL}, one process, best of {ROUNDS}")
    print(machine(), end="\n\n")
    print(table(figures))


if __name__ == "__main__":
    main()
