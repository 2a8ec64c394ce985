"""What no folder of a bundle may hold is refused unopened; what changes while it is read does not pass."""

from __future__ import annotations

import io
import os
import socket
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from libs.common.bundle import layout
from libs.common.bundle.checks import Outcome, verdict
from libs.common.bundle.sources import FolderSource, TarSource
from libs.common.bundle.verify import verify as verify_source
from tests.attacks.attack import DOCUMENTS, GOOD, assert_found, failures, verify
from tests.kit.bundles import KEY, tar_of, write_folder
from tests.kit.stella import stella

NOT_REGULAR = "a symbolic link or a special file"
LETTERS = "consists of letters"


def link(place: Path, to: str) -> None:
    place.unlink(missing_ok=True)
    place.symlink_to(to)


def bind(folder: Path) -> None:
    """Leave the file of a socket behind; its path must be short, so it is made from within."""
    before = Path.cwd()
    os.chdir(folder)
    try:
        with socket.socket(socket.AF_UNIX) as listening:
            listening.bind("socket")
    finally:
        os.chdir(before)


def named(name: str | bytes) -> Callable[[Path], None]:
    def spoil(folder: Path) -> None:
        (folder / os.fsdecode(name)).write_bytes(b"x")

    return spoil


def unreachable(folder: Path) -> None:
    (folder / ("d/" * 20)).mkdir(parents=True)


ATTACKS: list[tuple[str, Callable[[Path], None], str, str]] = [
    (
        "link to a file outside",
        lambda folder: link(folder / "README.md", "/etc/hostname"),
        "README.md",
        NOT_REGULAR,
    ),
    (
        "link to a file inside",
        lambda folder: link(folder / "README.md", "export.json"),
        "README.md",
        NOT_REGULAR,
    ),
    ("link to nothing", lambda folder: link(folder / "zzz", "nowhere"), "zzz", NOT_REGULAR),
    ("link to a folder outside", lambda folder: link(folder / "data/zzz", "/etc"), "data/zzz", NOT_REGULAR),
    ("link to itself", lambda folder: link(folder / "zzz", "zzz"), "zzz", NOT_REGULAR),
    (
        "link to endless zeros",
        lambda folder: link(folder / "README.md", "/dev/zero"),
        "README.md",
        NOT_REGULAR,
    ),
    ("link to a terminal", lambda folder: link(folder / "README.md", "/dev/tty"), "README.md", NOT_REGULAR),
    ("pipe", lambda folder: os.mkfifo(folder / "zzz"), "zzz", NOT_REGULAR),
    ("socket", bind, "socket", NOT_REGULAR),
    ("folders without end", unreachable, "d/d/d", "more than 16 deep"),
    ("line break", named("a\nb"), "a\\nb", LETTERS),
    ("commands for a terminal", named("\x1b[2J\x1b]0;x\x07"), "\\x1b[2J", LETTERS),
    ("C1 commands", named("\u009b2J"), "\\x9b2J", LETTERS),
    ("turned name", named("\u202etxt.exe"), "\\u202etxt.exe", LETTERS),
    ("composed name", named("\u00e9"), "\\xe9", LETTERS),
    ("decomposed name", named("e\u0301"), "e\\u0301", LETTERS),
    ("no UTF-8", named(b"\xff\xfe"), "\\udcff", LETTERS),
    ("backslash", named("..\\x"), "..\\\\x", LETTERS),
    ("case", named("readme.md"), "readme.md", "in case alone"),
]


@pytest.mark.parametrize(("_name", "spoil", "file", "reason"), ATTACKS, ids=[row[0] for row in ATTACKS])
def test_the_place_and_the_reason_are_named(
    _name: str, spoil: Callable[[Path], None], file: str, reason: str, tmp_path: Path
) -> None:
    folder = write_folder(GOOD, tmp_path / "bundle")
    spoil(folder)
    assert_found(verify(folder, tmp_path), file, reason)


def test_an_empty_folder_lacks_every_file(tmp_path: Path) -> None:
    (tmp_path / "bundle").mkdir()
    ended = verify(tmp_path / "bundle", tmp_path)
    assert {check["target"] for check in failures(ended)} == layout.UNLISTED


@pytest.mark.parametrize("path", ["/dev/zero", "/dev/stdin", "pipe"])
def test_what_is_neither_file_nor_folder_is_no_target(path: str, tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    ended = verify(tmp_path / path, tmp_path)
    assert ended.code == 2
    assert "neither a file nor a folder" in ended.err


def test_an_older_bundle_is_whole_and_says_which_it_is(tmp_path: Path) -> None:
    folder = write_folder(GOOD, tmp_path / "bundle")
    key = tmp_path / "key.pub"
    key.write_bytes(KEY.public.pem)
    ended = stella("export", "verify", folder, "--key", key, config=tmp_path / "config.json")
    assert ended.code == 0
    assert "export exp-0123456789abcdef of acme, nightly@r1, evidence of 2024-05-06T07:08:09Z" in ended.err


class Changing(FolderSource):
    """A folder in which something happens to one file just before it is opened."""

    def __init__(self, folder: Path, path: str, change: Callable[[Path], None]) -> None:
        super().__init__(folder)
        self._place = folder / path
        self._path = path
        self._change = change

    def open(self, path: str) -> Iterator[bytes]:
        if path == self._path:
            self._change(self._place)
        return super().open(path)


def grow(place: Path) -> None:
    place.write_bytes(place.read_bytes() + b"x" * 5_000_000)


def shrink(place: Path) -> None:
    os.truncate(place, 10)


def flip(place: Path) -> None:
    data = bytearray(place.read_bytes())
    data[len(data) // 2] ^= 1
    place.write_bytes(data)


def become_link(place: Path) -> None:
    link(place, "/etc/hostname")


def become_pipe(place: Path) -> None:
    place.unlink()
    os.mkfifo(place)


def vanish(place: Path) -> None:
    place.unlink()


@pytest.mark.parametrize("change", [grow, shrink, flip, become_link, become_pipe, vanish])
@pytest.mark.parametrize("path", [DOCUMENTS, "README.md", "indexes/vex.index.json", *sorted(layout.UNLISTED)])
def test_a_file_that_changes_while_it_is_read_is_named(
    path: str, change: Callable[[Path], None], tmp_path: Path
) -> None:
    folder = write_folder(GOOD, tmp_path / "bundle")
    checks = verify_source(Changing(folder, path, change), [KEY.public])
    assert verdict(checks) is Outcome.FAILED
    assert any(path in check.detail for check in checks if check.outcome is Outcome.FAILED)


class ChangingTar(TarSource):
    """A tar that is another one once it has been looked through."""

    def __init__(self, file: io.BytesIO, change: Callable[[io.BytesIO], None]) -> None:
        super().__init__(file)
        self._bytes = file
        self._change = change

    def files(self) -> Iterator[tuple[str, int]]:
        yield from super().files()
        self._change(self._bytes)


def overwrite(file: io.BytesIO) -> None:
    file.getbuffer()[700] ^= 1


def cut(file: io.BytesIO) -> None:
    file.truncate(2000)


@pytest.mark.parametrize("change", [overwrite, cut])
def test_a_tar_that_changes_while_it_is_read_does_not_pass(change: Callable[[io.BytesIO], None]) -> None:
    checks = verify_source(ChangingTar(io.BytesIO(tar_of(GOOD)), change), [KEY.public])
    assert verdict(checks) is Outcome.FAILED
