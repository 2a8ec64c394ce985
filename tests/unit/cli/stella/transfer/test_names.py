"""Files of an import are named by folder and file, so that kinds and sources can be told."""

from __future__ import annotations

from pathlib import Path

import pytest

from cli.stella.failures import CommandFailed
from cli.stella.transfer.names import gather


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    root = tmp_path / "advisories"
    (root / "deep").mkdir(parents=True)
    for name in ("osv-go.jsonl", "b.json", "deep/a.json", ".hidden"):
        (root / name).write_text("{}", encoding="utf-8")
    return root


def names(*paths: Path) -> list[str]:
    return [outgoing.name for outgoing in gather(paths)]


def test_names_begin_with_the_folder_and_are_sorted(folder: Path) -> None:
    assert names(folder) == ["advisories/b.json", "advisories/deep/a.json", "advisories/osv-go.jsonl"]


def test_a_single_file_keeps_the_name_of_its_folder(folder: Path) -> None:
    assert names(folder / "osv-go.jsonl") == ["advisories/osv-go.jsonl"]


def test_the_present_folder_has_its_name(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(folder)
    assert names(Path("osv-go.jsonl")) == ["advisories/osv-go.jsonl"]
    assert names(folder) == names(Path())


def test_a_link_to_a_file_is_followed_and_one_to_a_folder_is_not(folder: Path) -> None:
    (folder / "link.json").symlink_to(folder / "b.json")
    (folder / "circle").symlink_to(folder)
    assert [name for name in names(folder) if "link" in name or "circle" in name] == ["advisories/link.json"]


def test_the_same_file_named_twice_is_sent_once(folder: Path) -> None:
    assert names(folder / "b.json", folder / "b.json") == ["advisories/b.json"]


def test_two_files_of_one_name_are_refused(folder: Path, tmp_path: Path) -> None:
    other = tmp_path / "other" / "advisories"
    other.mkdir(parents=True)
    (other / "b.json").write_text("[]", encoding="utf-8")
    with pytest.raises(CommandFailed, match=r"would both be named `advisories/b\.json`"):
        gather([folder, other])


def test_an_empty_folder_is_refused(tmp_path: Path) -> None:
    with pytest.raises(CommandFailed, match="no file to import"):
        gather([tmp_path])


def test_a_missing_path_is_named(tmp_path: Path) -> None:
    with pytest.raises(CommandFailed, match="nowhere"):
        gather([tmp_path / "nowhere"])
