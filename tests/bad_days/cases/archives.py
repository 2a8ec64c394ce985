"""Files that cannot be opened, or that are too much: the import says so, and nothing of it is taken."""

from __future__ import annotations

import gzip
import io
import random
import tarfile
import zipfile
from collections.abc import Callable

import zstandard

from cli.stella.exit_codes import ExitCode
from tests.bad_days.case import LEDGER_KEPT, Case, Day
from tests.bad_days.documents import osv
from tests.bad_days.doors import tarred, zipped
from tests.kit.stella import Ended

MIB = 1 << 20
_GOOD = osv("ARCHIVE-1", "1")
_NOISE = random.Random(1).randbytes(4000)
_ENCRYPTED = 1  # bit 0 of a zip's general purpose flags


def _encrypted_zip() -> bytes:
    raw = bytearray(zipped({"a.json": _GOOD}))
    raw[6] |= _ENCRYPTED
    raw[raw.index(b"PK\x01\x02") + 8] |= _ENCRYPTED
    return bytes(raw)


def _damaged_zip() -> bytes:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_STORED) as archive:
        archive.writestr("a.json", _GOOD)
    return packed.getvalue().replace(b"ARCHIVE-1", b"ARCHIVE-2", 1)


def _lying_tar() -> bytes:
    header = tarfile.TarInfo("a.json")
    header.size = 10**9
    return header.tobuf() + _GOOD.ljust(512, b"\0") + bytes(1024)


def _sent(name: str, make: Callable[[], bytes]) -> Callable[[Day], Ended]:
    def bring(day: Day) -> Ended:
        return day.stella(
            "evidence", "import", day.file(f"feed/{name}", make()), day.file("feed/b.json", _GOOD)
        )

    return bring


def _unopened(title: str, name: str, make: Callable[[], bytes], reason: str, inside: str = "") -> Case[Day]:
    place = f"feed/{name}{inside}"
    return Case(
        title,
        f"`stella evidence import` of `{name}` beside a good file",
        f"`{place}` cannot be read: {reason}. (ERR_EXPORT_BAD_INPUT)",
        f"Repair or leave out `{place}` and import again; nothing of this import was taken.",
        ExitCode.USAGE,
        LEDGER_KEPT,
        _sent(name, make),
    )


def _bomb(title: str, name: str, make: Callable[[], bytes], inside: str = "") -> Case[Day]:
    return Case(
        title,
        f"`stella evidence import` of `{name}` beside a good file",
        f"The compression ratio of `feed/{name}{inside}` is larger than the limit of 1000:1. "
        "(ERR_EXPORT_TOO_LARGE)",
        "Split it, or raise the limit where that is safe.",
        ExitCode.USAGE,
        LEDGER_KEPT,
        _sent(name, make),
    )


NO_ZIP = "it is no zip archive, or its end is missing"
CASES: tuple[Case[Day], ...] = (
    _unopened("a zip archive that is cut", "a.zip", lambda: zipped({"a": _NOISE})[:-40], NO_ZIP),
    _unopened("a zip archive that is none", "a.zip", lambda: b"hello", NO_ZIP),
    _unopened("a zip archive of no bytes", "a.zip", lambda: b"", NO_ZIP),
    _unopened(
        "an encrypted zip archive", "a.zip", _encrypted_zip, "it is encrypted; unpack it first", "!a.json"
    ),
    _unopened(
        "a zip archive with a damaged member",
        "a.zip",
        _damaged_zip,
        "its bytes are damaged (Bad CRC-32 for file 'a.json')",
        "!a.json",
    ),
    _unopened(
        "a tar archive that is cut", "a.tar", lambda: tarred({"a": _NOISE})[:2000], "it ends in the middle"
    ),
    _unopened(
        "a tar archive that states a size it does not have", "a.tar", _lying_tar, "it ends in the middle"
    ),
    _unopened(
        "a zstd frame that is cut",
        "a.jsonl.zst",
        lambda: zstandard.compress(_NOISE)[:-30],
        "its zstd data ends in the middle",
    ),
    _unopened(
        "a zstd file that is none",
        "a.jsonl.zst",
        lambda: _GOOD,
        "its zstd data is damaged (zstd decompressor error: Unknown frame descriptor)",
    ),
    _unopened(
        "a gzip file that is cut",
        "a.jsonl.gz",
        lambda: gzip.compress(_NOISE)[:-30],
        "its gzip data ends in the middle",
    ),
    _bomb("a zip bomb", "a.zip", lambda: zipped({"a.json": b" " * (80 * MIB)}), "!a.json"),
    _bomb("a gzip bomb", "a.json.gz", lambda: gzip.compress(b" " * (80 * MIB))),
    _bomb("a zstd bomb", "a.jsonl.zst", lambda: zstandard.compress(b" " * (200 * MIB))),
)
