"""Whatever is done to a signed bundle without its key is found, and the file is named."""

from __future__ import annotations

import io
import os
from collections.abc import Callable

import pytest

from libs.common.bundle import layout
from libs.common.bundle.checks import Check, Outcome
from libs.common.bundle.sources import TarSource
from libs.common.bundle.verify import verify
from tests.kit import bundles
from tests.kit.bundles import KEY, OTHER_KEY, Files, MemorySource

TINY = bundles.make_bundle(bundles.records(count=1))
TINY_TAR = bundles.tar_of(TINY)
FILES = bundles.make_bundle()
PART = next(path for path in FILES if layout.is_documents_path(path))
# Every bit takes minutes, so a prime stride samples bytes; STELLA_TAMPER_STRIDE=1 walks them all, bit by bit.
STRIDE = int(os.environ.get("STELLA_TAMPER_STRIDE", "13"))
BITS = range(8) if STRIDE == 1 else range(1)


def failures(files: Files) -> list[Check]:
    checks = verify(MemorySource(files), [KEY.public])
    return [check for check in checks if check.outcome is Outcome.FAILED]


def names(checks: list[Check], path: str) -> bool:
    return any(path in check.target or path in check.detail for check in checks)


def flip(data: bytes, position: int, bit: int) -> bytes:
    spoiled = bytearray(data)
    spoiled[position] ^= 1 << bit
    return bytes(spoiled)


@pytest.mark.parametrize("path", sorted(TINY))
def test_a_flipped_bit_anywhere_is_found_and_the_file_named(path: str) -> None:
    missed = [
        (position, bit)
        for position in range(0, len(TINY[path]), STRIDE)
        for bit in BITS
        if not names(failures({**TINY, path: flip(TINY[path], position, (position + bit) % 8)}), path)
    ]
    assert missed == []


def test_a_flipped_bit_anywhere_in_the_tar_is_found() -> None:
    missed = [
        position
        for position in range(0, len(TINY_TAR), STRIDE * 7)
        if all(
            check.outcome is Outcome.PASSED
            for check in verify(TarSource(io.BytesIO(flip(TINY_TAR, position, position % 8))), [KEY.public])
        )
    ]
    assert missed == []


@pytest.mark.parametrize("path", sorted(FILES))
def test_a_missing_file_is_named(path: str) -> None:
    files = {other: data for other, data in FILES.items() if other != path}
    assert ("present", path) in {(check.name, check.target) for check in failures(files)}


@pytest.mark.parametrize(
    "path",
    ["extra", "data/raw/advisories/osv-go/part-0000000000000000.jsonl.zst", "signatures/other.sig", "zzz"],
)
def test_an_extra_file_is_named(path: str) -> None:
    assert [(check.name, check.target) for check in failures({**FILES, path: b""})] == [("listed", path)]


@pytest.mark.parametrize("path", sorted(FILES))
def test_an_emptied_file_is_named(path: str) -> None:
    assert names(failures({**FILES, path: b""}), path)


@pytest.mark.parametrize("path", sorted(FILES))
def test_a_cut_file_is_named(path: str) -> None:
    assert names(failures({**FILES, path: FILES[path][:-1]}), path)


@pytest.mark.parametrize("path", sorted(FILES))
def test_a_lengthened_file_is_named(path: str) -> None:
    assert names(failures({**FILES, path: FILES[path] + b"\n"}), path)


def test_swapped_files_are_both_named() -> None:
    one, other = [path for path in FILES if layout.is_documents_path(path)][:2]
    checks = failures({**FILES, one: FILES[other], other: FILES[one]})
    assert (names(checks, one), names(checks, other)) == (True, True)


def test_swapped_kinds_of_signatures_are_named() -> None:
    one, other = layout.MANIFEST_ENVELOPE, layout.PROVENANCE_ENVELOPE
    checks = failures({**FILES, one: FILES[other], other: FILES[one]})
    assert (names(checks, one), names(checks, other)) == (True, True)


def resigned(files: Files) -> Files:
    return bundles.sign(files, OTHER_KEY)


def with_old_signatures(files: Files) -> Files:
    return {**bundles.sign(files), **{path: FILES[path] for path in layout.UNLISTED - {layout.MANIFEST}}}


def with_the_other_key_beside_old_signatures(files: Files) -> Files:
    return {**files, layout.PUBLIC_KEY: OTHER_KEY.public.pem}


@pytest.mark.parametrize("proof", [resigned, with_old_signatures, with_the_other_key_beside_old_signatures])
def test_a_manifest_changed_without_the_key_fails(proof: Callable[[Files], Files]) -> None:
    changed = FILES[layout.MANIFEST].replace(b'"tenant":"acme"', b'"tenant":"evil"')
    checks = failures(proof({**FILES, layout.MANIFEST: changed}))
    assert "signature" in {check.name for check in checks}


def test_signatures_of_an_older_bundle_do_not_hold_for_a_newer_one() -> None:
    older = bundles.make_bundle(bundles.records(count=2))
    proofs = {path: older[path] for path in layout.SIGNATURES}
    assert {"signature", "payload", "message-digest"} <= {
        check.name for check in failures({**FILES, **proofs})
    }


def test_an_older_bundle_s_proof_does_not_hold_in_whole_either() -> None:
    older = bundles.make_bundle(bundles.records(count=2))
    proofs = {path: older[path] for path in layout.UNLISTED - {layout.MANIFEST}}
    assert ("subject", layout.PROVENANCE) in {
        (check.name, check.target) for check in failures({**FILES, **proofs})
    }


def test_a_truncated_part_tells_where() -> None:
    checks = {check.name: check for check in failures({**FILES, PART: FILES[PART][:-10]})}
    assert f"ends within a frame, after {len(FILES[PART]) - 10} bytes" in checks["segments"].detail
    assert {"size", "digest", "segments"} == set(checks)


def test_a_part_replaced_by_a_bomb_is_not_unpacked() -> None:
    checks = {check.name: check for check in failures({**FILES, PART: bundles.frame(bytes(20_000_000))})}
    assert "segments" in checks
    assert "digest" in checks or "size" in checks
