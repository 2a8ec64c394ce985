"""Rules of opening bundles in tars and folders."""

from __future__ import annotations

import io
import os
from pathlib import Path

import pytest

from libs.common.bundle.checks import Outcome, verdict
from libs.common.bundle.faults import BadArchive, BadBundle
from libs.common.bundle.sources import MAX_DEPTH, FolderSource, TarSource
from libs.common.bundle.verify import verify
from tests.kit import bundles

FILES = bundles.make_bundle()


def listed(source: TarSource | FolderSource) -> dict[str, bytes]:
    return {path: b"".join(source.open(path)) for path, _ in list(source.files())}


def test_a_tar_gives_its_files_in_any_order() -> None:
    source = TarSource(io.BytesIO(bundles.tar_of(FILES)))
    sizes = dict(source.files())
    assert {path: b"".join(source.open(path)) for path in sorted(FILES, reverse=True)} == FILES
    assert sizes == {path: len(data) for path, data in FILES.items()}


def test_files_of_a_tar_may_be_opened_while_it_is_listed() -> None:
    source = TarSource(io.BytesIO(bundles.tar_of(FILES)))
    assert {path: b"".join(source.open(path)) for path, _ in source.files()} == FILES


def test_two_files_of_a_tar_may_be_read_at_once() -> None:
    files = {"a": b"a" * 10, "b": b"b" * 10}
    source = TarSource(io.BytesIO(bundles.tar_of(files)))
    list(source.files())
    assert list(zip(source.open("a"), source.open("b"), strict=True)) == [(b"a" * 10, b"b" * 10)]


def test_a_bundle_in_a_tar_verifies() -> None:
    source = TarSource(io.BytesIO(bundles.tar_of(FILES)))
    assert verdict(verify(source, [bundles.KEY.public])) is Outcome.PASSED


def test_a_bundle_in_a_folder_verifies(tmp_path: Path) -> None:
    source = FolderSource(bundles.write_folder(FILES, tmp_path))
    assert verdict(verify(source, [bundles.KEY.public])) is Outcome.PASSED


def test_a_folder_gives_its_files(tmp_path: Path) -> None:
    assert listed(FolderSource(bundles.write_folder(FILES, tmp_path))) == FILES


def test_a_tar_that_is_no_bundle_s_fails_with_a_reason() -> None:
    checks = verify(TarSource(io.BytesIO(b"no tar" * 100)), [bundles.KEY.public])
    assert [(check.name, check.outcome) for check in checks] == [("archive", Outcome.FAILED)]
    assert "checksum" in checks[0].detail


def test_a_tar_cut_while_it_is_read_is_refused() -> None:
    file = io.BytesIO(bundles.tar_of(FILES))
    source = TarSource(file)
    list(source.files())
    file.truncate(600)
    with pytest.raises(BadBundle, match="cut while"):
        list(source.open("export.json"))


def test_a_hostile_tar_is_refused_at_once() -> None:
    with pytest.raises(BadArchive):
        list(TarSource(io.BytesIO(bytes(512))).files())


def test_a_symbolic_link_in_a_folder_is_refused(tmp_path: Path) -> None:
    folder = bundles.write_folder(FILES, tmp_path / "bundle")
    (folder / "README.md").unlink()
    (folder / "README.md").symlink_to("export.json")
    with pytest.raises(BadBundle, match=r"README\.md: .*symbolic link"):
        list(FolderSource(folder).files())


def test_a_linked_folder_is_refused(tmp_path: Path) -> None:
    folder = bundles.write_folder({"export.json": b""}, tmp_path / "bundle")
    (folder / "data").symlink_to(tmp_path)
    with pytest.raises(BadBundle, match=r"data: .*symbolic link"):
        list(FolderSource(folder).files())


def test_a_pipe_in_a_folder_is_refused_unopened(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "export.json")
    with pytest.raises(BadBundle, match="special file"):
        list(FolderSource(tmp_path).files())


def test_a_file_that_became_a_link_is_not_followed(tmp_path: Path) -> None:
    folder = bundles.write_folder({"a": b"a"}, tmp_path)
    source = FolderSource(folder)
    list(source.files())
    (folder / "a").unlink()
    (folder / "a").symlink_to(Path("/etc/hostname"))
    with pytest.raises(BadBundle, match="cannot be opened"):
        list(source.open("a"))


def test_a_file_that_became_a_pipe_does_not_block(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "a")
    with pytest.raises(BadBundle, match="no regular file"):
        list(FolderSource(tmp_path).open("a"))


@pytest.mark.parametrize("path", ["../a", "/etc/hostname", "a/../../b"])
def test_a_folder_is_not_left(tmp_path: Path, path: str) -> None:
    with pytest.raises(BadBundle):
        list(FolderSource(tmp_path).open(path))


def test_a_missing_folder_is_named(tmp_path: Path) -> None:
    checks = verify(FolderSource(tmp_path / "absent"), [bundles.KEY.public])
    assert "cannot be read: No such file" in checks[0].detail


def test_folders_too_deep_are_refused(tmp_path: Path) -> None:
    bundles.write_folder({"d/" * (MAX_DEPTH + 1) + "a": b""}, tmp_path)
    with pytest.raises(BadBundle, match="deep"):
        list(FolderSource(tmp_path).files())


def test_a_name_that_no_bundle_has_is_refused(tmp_path: Path) -> None:
    (tmp_path / os.fsdecode(b"\xff\xfe")).write_bytes(b"")
    checks = verify(FolderSource(tmp_path), [])
    assert (checks[0].name, checks[0].outcome, checks[0].detail.isascii()) == (
        "archive",
        Outcome.FAILED,
        True,
    )
