"""Extensions are found by walking, and refused where they clash or lack what was agreed."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from libs.common.discover import BadExtension, discover


@pytest.fixture
def folder(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[tuple[str, Path]]:
    package = f"extensions_{abs(hash(request.node.name))}"
    (tmp_path / package).mkdir()
    sys.path.insert(0, str(tmp_path))
    yield package, tmp_path / package
    sys.path.remove(str(tmp_path))


def add(folder: Path, name: str, text: str) -> None:
    (folder / name).mkdir()
    (folder / name / "thing.py").write_text(text)


def identity(value: str) -> str:
    return value


def test_every_folder_is_an_extension_and_comes_in_order(folder: tuple[str, Path]) -> None:
    package, path = folder
    add(path, "one", "THING = 'b'")
    add(path, "two", "THING = 'a'")
    (path / "__pycache__").mkdir()
    (path / "base.py").write_text("")
    assert list(discover(package, "thing", "THING", identity)) == ["a", "b"]


def test_two_of_one_identity_are_refused_by_name(folder: tuple[str, Path]) -> None:
    package, path = folder
    add(path, "one", "THING = 'same'")
    add(path, "two", "THING = 'same'")
    with pytest.raises(BadExtension, match=r"`same`.*`one` and `two`"):
        discover(package, "thing", "THING", identity)


def test_a_folder_without_the_module_is_refused(folder: tuple[str, Path]) -> None:
    package, path = folder
    (path / "empty").mkdir()
    with pytest.raises(BadExtension, match=r"`empty`.*`thing`"):
        discover(package, "thing", "THING", identity)


def test_a_module_without_the_attribute_is_refused(folder: tuple[str, Path]) -> None:
    package, path = folder
    add(path, "bare", "OTHER = 1")
    with pytest.raises(BadExtension, match=r"`bare`.*`THING`"):
        discover(package, "thing", "THING", identity)


def test_a_missing_import_within_an_extension_is_not_taken_for_a_missing_extension(
    folder: tuple[str, Path],
) -> None:
    package, path = folder
    add(path, "broken", "import no_such_module_anywhere")
    with pytest.raises(ModuleNotFoundError, match="no_such_module_anywhere"):
        discover(package, "thing", "THING", identity)
