"""However large the lie, the process that verifies stays small: its peak is measured from within."""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from stellaops.export.bundle.v1.index_pb2 import Index
from stellaops.export.bundle.v1.manifest_pb2 import Manifest

from libs.common.bundle import layout, tar
from libs.common.bundle.layout import MAX_FILES
from libs.common.bundle.strict_json import MAX_JSON_BYTES, MAX_JSON_VALUES
from libs.common.canon.decode import MAX_RECORD_BYTES
from libs.common.digests import sha256_digest
from libs.common.segments.frame import MAX_FRAME_PLAIN_BYTES
from tests.attacks.attack import DOCUMENTS, GOOD, VERIFICATION_FAILED, key_file, signed_raw
from tests.attacks.on_manifests import many_files
from tests.attacks.on_records import CHECKSUM, EMPTY_BLOCK, states, zeros
from tests.attacks.on_tars import header
from tests.kit import bundles
from tests.kit.bundles import KEY, OTHER_KEY, Files, Part, TestKey
from tests.kit.stella import REPOSITORY

# The interpreter and its libraries take 60 MB, JSON of the largest size that is read most of the rest.
MOST_BYTES = 300 * 1000 * 1000
END_SECONDS = 280  # an endless read never ends; a slow machine does
SPARSE_BYTES = 8 * 1024**3  # takes no place on the disk
AS_JSON = ("--format", "json", "--quiet")
# Ends with the peak of the process, in KiB, as the system has counted it.
VERIFY = """
import sys
from cli.stella.app import run
code = run(sys.argv[1:])
with open("/proc/self/status") as status:
    peak = next(line for line in status if line.startswith("VmHWM"))
sys.stderr.write(peak.split()[1])
sys.exit(code)
"""


def watched(target: Path, folder: Path) -> tuple[int, str, int]:
    """Verify in a process of its own; return its exit code, what it said, and its peak in bytes."""
    ended = subprocess.run(
        [sys.executable, "-c", VERIFY, "export", "verify", target, "--key", key_file(folder), *AS_JSON],
        cwd=REPOSITORY,
        env={**os.environ, "STELLA_CONFIG": str(folder / "config.json")},
        capture_output=True,
        text=True,
        timeout=END_SECONDS,
        check=False,
    )  # fmt: skip
    said, _, peak = ended.stderr.rpartition("\n")
    return ended.returncode, ended.stdout + said, int(peak) * 1024


def assert_small_and_found(target: Path, folder: Path, *wanted: str) -> None:
    code, said, peak = watched(target, folder)
    assert code == VERIFICATION_FAILED, said[-2000:]
    assert [text for text in wanted if text not in said] == []
    print(f"peak {peak / 1e6:.0f} MB")  # noqa: T201 - shown by -s
    assert peak <= MOST_BYTES


def one_part(document_frame: bytes, plain_bytes: int, frames: int = 1, key: TestKey = KEY) -> Files:
    """Return a bundle whose index and manifest agree that each of its frames has `plain_bytes`."""
    parts = bundles.make_parts(bundles.records(count=frames), segment_records=1, part_segments=frames)
    (part,) = parts
    for segment in part.segments:
        segment.document_frame = document_frame

    def agree(found: Index) -> None:
        for segment in found.parts[0].segments:
            segment.plain_bytes = plain_bytes

    def agree_too(found: Manifest) -> None:
        content = next(each for each in found.contents if each.path == part.path(layout.DOCUMENTS))
        content.plain_bytes = plain_bytes * frames

    return bundles.sign(bundles.assemble(parts, agree, agree_too), key)


def a_bomb_that_understates(_: Files) -> Files:
    return one_part(states(1000, zeros(8000) + EMPTY_BLOCK + CHECKSUM), 1000)


def a_bomb_that_states_a_terabyte(_: Files) -> Files:
    return one_part(states(2**40, zeros(8000) + EMPTY_BLOCK + CHECKSUM), 2**40)


def a_bomb_of_the_largest_frame(_: Files) -> Files:
    return one_part(bundles.frame(bytes(MAX_FRAME_PLAIN_BYTES)), MAX_FRAME_PLAIN_BYTES)


def a_bomb_by_another_signer(_: Files) -> Files:
    """Two thousand frames of 64 MiB: 128 GiB behind 20 MB, all of it consistent."""
    frame = bundles.frame(bytes(MAX_RECORD_BYTES))
    return one_part(frame, MAX_RECORD_BYTES, frames=2000, key=OTHER_KEY)


def small_values(_: Files) -> Files:
    """Objects of one member: what takes most memory for its bytes."""
    entry = b'{"a":0}'
    count = MAX_JSON_VALUES // 2 - 10
    return signed_raw(b'{"contents":[' + b",".join([entry] * count) + b"]}")


def large_values(_: Files) -> Files:
    """As many and as long texts as are read, in every file that is read whole."""
    length = (MAX_JSON_BYTES - 100) // (MAX_JSON_VALUES - 10) - 3
    text = b'"' + b"x" * length + b'"'
    raw = b'{"contents":[' + b",".join([text] * (MAX_JSON_VALUES - 10)) + b"]}"
    files = signed_raw(raw)
    return {**files, **bundles.signatures(raw, raw), layout.PROVENANCE: raw}


def a_million_files(_: Files) -> Files:
    return signed_raw(many_files(10**6))


def as_many_files_as_a_bundle_has(_: Files) -> Files:
    """A valid manifest of the largest size whose files are all missing."""
    found = json.loads(GOOD[layout.MANIFEST])
    entry = {"bytes": 1, "contentType": "text/plain", "digest": sha256_digest(b"")}
    count = MAX_JSON_BYTES // 160
    found["contents"] = [{**entry, "path": f"f{number:07d}"} for number in range(min(count, MAX_FILES))]
    joined = "\n".join([entry["digest"]] * len(found["contents"]))  # type: ignore[list-item] # a text
    found["rerunHash"] = f"sha256:{hashlib.sha256(joined.encode()).hexdigest()}"
    return signed_raw(json.dumps(found, sort_keys=True, separators=(",", ":")).encode())


@pytest.mark.parametrize(
    ("spoil", "wanted"),
    [
        (a_bomb_that_understates, ["a frame is damaged"]),
        (a_bomb_that_states_a_terabyte, [f"a frame states {2**40} plain bytes; a segment has at most"]),
        (a_bomb_of_the_largest_frame, ["segment 0 has plain digest"]),
        (a_bomb_by_another_signer, ["nothing is unpacked", "no trusted key made this signature"]),
        (small_values, ["the format has no such member"]),
        (large_values, ["an object is wanted, not a text", "export.json"]),
        (a_million_files, ["values, the most that are read"]),
        (as_many_files_as_a_bundle_has, ["f0000000: the manifest lists the file, but it is missing"]),
    ],
)
def test_no_memory_grows_with_the_lie(
    spoil: Callable[[Files], Files], wanted: list[str], tmp_path: Path
) -> None:
    target = tmp_path / "bundle.tar"
    target.write_bytes(bundles.tar_of(spoil(GOOD)))
    assert_small_and_found(target, tmp_path, *wanted)


@pytest.mark.parametrize(
    "path", [DOCUMENTS, "README.md", "indexes/advisory.index.json", *sorted(layout.UNLISTED)]
)
def test_a_file_of_endless_zeros_in_a_folder_is_not_read_on(path: str, tmp_path: Path) -> None:
    folder = bundles.write_folder(GOOD, tmp_path / "bundle")
    os.truncate(folder / path, SPARSE_BYTES)
    assert_small_and_found(folder, tmp_path, path, " more than ")


@pytest.mark.parametrize("path", ["export.json", "README.md", "zzz"])
def test_a_member_of_endless_zeros_in_a_tar_is_not_read_on(path: str, tmp_path: Path) -> None:
    target = tmp_path / "bundle.tar"
    with target.open("wb") as file:
        file.write(header(path.encode(), tar.MAX_FILE_BYTES))
        file.truncate(tar.BLOCK + SPARSE_BYTES)
        file.seek(0, os.SEEK_END)
        file.write(tar.END)
    assert_small_and_found(target, tmp_path, "the file is missing; every bundle has it")


@pytest.mark.parametrize(
    ("count", "reason"), [(MAX_FILES, "does not list it"), (MAX_FILES + 1, "at most 100000 files")]
)
def test_members_without_end_are_counted_alone(count: int, reason: str, tmp_path: Path) -> None:
    target = tmp_path / "bundle.tar"
    with target.open("wb") as file:
        file.write(bundles.tar_of(GOOD)[: -len(tar.END)])
        for number in range(count - len(GOOD)):
            file.write(header(b"zzz/%07d" % number))
        file.write(tar.END)
    assert_small_and_found(target, tmp_path, reason)


def test_a_file_that_no_header_ends_is_left_at_once(tmp_path: Path) -> None:
    target = tmp_path / "bundle.tar"
    with target.open("wb") as file:
        file.truncate(SPARSE_BYTES)
    assert_small_and_found(target, tmp_path, "something follows the end of the tar")


def test_a_part_is_a_part(tmp_path: Path) -> None:
    """Hold the kit itself: what agrees and tells the truth is verified, the largest record included."""
    record = bundles.Record("advisory", "osv-go", "A", b'"' + b"x" * (MAX_RECORD_BYTES - 2) + b'"')
    parts: list[Part] = bundles.make_parts([record])
    target = tmp_path / "bundle.tar"
    target.write_bytes(bundles.tar_of(bundles.sign(bundles.assemble(parts))))
    code, said, peak = watched(target, tmp_path)
    assert (code, peak <= MOST_BYTES) == (0, True), said[-2000:]
