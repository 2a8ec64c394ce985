"""Files that the command line writes."""

from __future__ import annotations

from pathlib import Path

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
