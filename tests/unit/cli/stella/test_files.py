"""Files that the command line writes."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import pytest

from cli.stella.exit_codes import ExitCode
from cli.stella.failures import Code, cannot_write
from cli.stella.files import is_at


def test_an_open_file_is_at_its_path_until_it_is_renamed(tmp_path: Path) -> None:
    path = tmp_path / "bundle.tar.part"
    with path.open("wb") as file:
        assert is_at(file.fileno(), path)
        path.replace(tmp_path / "bundle.tar")
        assert not is_at(file.fileno(), path)


def test_an_open_file_is_not_at_a_path_that_another_has_taken(tmp_path: Path) -> None:
    path = tmp_path / "bundle.tar.part"
    with path.open("wb") as file:
        path.replace(tmp_path / "bundle.tar")
        path.touch()
        assert not is_at(file.fileno(), path)


@pytest.mark.parametrize(
    ("number", "exit_code", "code"),
    [
        (errno.ENOSPC, ExitCode.TRY_LATER, Code.DISK_FULL),
        (errno.EDQUOT, ExitCode.TRY_LATER, Code.DISK_FULL),
        (errno.EROFS, ExitCode.USAGE, Code.FILE),
        (errno.EACCES, ExitCode.USAGE, Code.FILE),
    ],
)
def test_a_full_disk_is_told_from_a_place_that_cannot_be_written(
    number: int, exit_code: ExitCode, code: Code
) -> None:
    failure = cannot_write("bundle.tar", OSError(number, os.strerror(number)), "Choose another place.")
    assert (failure.exit_code, failure.code) == (exit_code, code)
    assert failure.message == f"`bundle.tar` cannot be written: {os.strerror(number)}"
