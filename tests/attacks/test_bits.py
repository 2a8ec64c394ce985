"""A flipped bit anywhere is found by the real command, and its file is named.

`make tamper` walks every bit of every file and 2,000 places of 50 MB; without it a sample is taken.
"""

from __future__ import annotations

import json
import os
import random
from collections.abc import Iterator
from pathlib import Path

import pytest

from libs.common.bundle import layout
from libs.common.bundle.sources import TarSource
from tests.attacks.attack import VERIFICATION_FAILED, failures, verify
from tests.kit import bundles

STRIDE = int(
    os.environ.get("STELLA_TAMPER_STRIDE", "499")
)  # bits from one flip to the next; a prime meets all
PLACES = int(os.environ.get("STELLA_TAMPER_PLACES", "12"))
LARGE_MEGABYTES = int(os.environ.get("STELLA_TAMPER_MEGABYTES", "4"))
SEED = 6962
RECORD_BYTES = 64 * 1024

TINY = bundles.make_bundle(bundles.records(count=2))


def large() -> bundles.Files:
    """Return a bundle of about so many megabytes that hardly compress, in parts of 4 MiB."""
    draw = random.Random(SEED)
    records = []
    for number in range(LARGE_MEGABYTES * 2_000_000 // RECORD_BYTES):
        key = f"BIG-{number:06d}"
        noise = draw.randbytes(RECORD_BYTES // 2).hex()
        records.append(
            bundles.Record("sbom", "made-up", key, json.dumps({"id": key, "noise": noise}).encode())
        )
    return bundles.sign(bundles.assemble(bundles.make_parts(records, segment_records=16, part_segments=4)))


def flip(path: Path, bit: int) -> None:
    """Flip one bit of a file; a second time puts it back."""
    with path.open("r+b") as file:
        file.seek(bit // 8)
        (byte,) = file.read(1)
        file.seek(bit // 8)
        file.write(bytes([byte ^ 1 << bit % 8]))


def named_after(target: Path, bit: int, spoilt: Path, folder: Path) -> Iterator[str]:
    """Yield each failed check of `target` while that bit of `spoilt` is another."""
    flip(spoilt, bit)
    ended = verify(target, folder)
    flip(spoilt, bit)
    assert ended.code == VERIFICATION_FAILED, (spoilt, bit)
    for check in failures(ended):
        yield f"{check['target']} {check['detail']}"


@pytest.mark.timeout(0)  # all of them are a matter of choice
@pytest.mark.parametrize("path", sorted(TINY))
def test_every_bit_of_a_small_bundle_counts(path: str, tmp_path: Path) -> None:
    folder = bundles.write_folder(TINY, tmp_path / "bundle")
    missed = [
        bit
        for bit in range(0, 8 * len(TINY[path]), STRIDE)
        if not any(path in line for line in named_after(folder, bit, folder / path, tmp_path))
    ]
    assert missed == []
    assert verify(folder, tmp_path).code == 0


@pytest.mark.timeout(0)  # the same
def test_every_bit_of_a_small_tar_counts(tmp_path: Path) -> None:
    target = tmp_path / "bundle.tar"
    target.write_bytes(bundles.tar_of(TINY))
    owner = Owners(target)
    missed = [
        bit
        for bit in range(0, 8 * target.stat().st_size, STRIDE * 7)
        if not any(owner(bit // 8) in line for line in named_after(target, bit, target, tmp_path))
    ]
    assert missed == []
    assert verify(target, tmp_path).code == 0


class Owners:
    """Says of each byte of a tar whose contents it is in; of others, nothing in particular."""

    def __init__(self, target: Path) -> None:
        with target.open("rb") as file:
            source = TarSource(file)
            sizes = dict(source.files())
            self._ranges = [(source._places[path][0], size, path) for path, size in sizes.items()]

    def __call__(self, at: int) -> str:
        for start, size, path in self._ranges:
            if start <= at < start + size:
                return path
        return ""


@pytest.mark.timeout(0)  # the same
@pytest.mark.parametrize("form", ["folder", "tar"])
def test_random_bits_of_a_large_bundle_count(form: str, tmp_path: Path) -> None:
    files = large()
    draw = random.Random(SEED)
    if form == "folder":
        target = bundles.write_folder(files, tmp_path / "bundle")
        # Each file is as likely as its bytes, but the small ones get their share too.
        paths = sorted(files)
        chosen = draw.choices(paths, k=PLACES // 4) + draw.choices(
            paths, weights=[len(files[path]) for path in paths], k=PLACES - PLACES // 4
        )
        places = [(target / path, draw.randrange(8 * len(files[path])), path) for path in chosen]
    else:
        target = tmp_path / "bundle.tar"
        target.write_bytes(bundles.tar_of(files))
        owner = Owners(target)
        bits = [draw.randrange(8 * target.stat().st_size) for _ in range(PLACES)]
        places = [(target, bit, owner(bit // 8)) for bit in bits]
    missed = [
        (path, bit)
        for spoilt, bit, path in places
        if not any(path in line for line in named_after(target, bit, spoilt, tmp_path))
    ]
    assert missed == []
    assert verify(target, tmp_path).code == 0
    size = sum(map(len, files.values()))
    print(f"{len(places):,} bits of {size:,} bytes in {len(files)} files")  # noqa: T201 - `make tamper` shows it


def test_the_small_bundle_has_every_sort_of_file() -> None:
    assert TINY.keys() > layout.UNLISTED
    assert any(layout.is_documents_path(path) for path in TINY)
