"""The commands in a bundle's README.md work with real cosign, and refuse a changed manifest."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest

from libs.common.bundle import layout
from tests.kit import bundles, cosign

COMMAND = re.compile(r"^cosign (verify.*)$", re.MULTILINE)
FILES = bundles.make_bundle()
EMPTY_ROOT = '{"mediaType":"application/vnd.dev.sigstore.trustedroot+json;version=0.1"}'
# Which of the README's commands each version takes: it says the same in words.
COMMANDS = {"COSIGN_V2": (0, 1, 3), "COSIGN_V3": (0, 1, 2, 3)}
CASES = [(version, number) for version, numbers in COMMANDS.items() for number in numbers]

pytestmark = pytest.mark.cosign


def run(version: str, number: int, files: bundles.Files, place: Path) -> int:
    program = cosign.find(version, place)
    folder = bundles.write_folder(files, place / "bundle")
    (place / "trusted.pub").write_bytes(bundles.KEY.public.pem)
    (place / "trusted-root.json").write_text(EMPTY_ROOT, encoding="utf-8")
    command = COMMAND.findall(files[layout.README].decode())[number]
    return program.run(*shlex.split(command), folder=folder).returncode


def test_the_readme_has_four_cosign_commands() -> None:
    assert len(COMMAND.findall(FILES[layout.README].decode())) == 4


@pytest.mark.parametrize(("version", "number"), CASES)
def test_a_command_accepts_the_bundle(version: str, number: int, tmp_path: Path) -> None:
    assert run(version, number, FILES, tmp_path) == 0


@pytest.mark.parametrize(("version", "number"), CASES)
def test_a_command_refuses_a_changed_manifest(version: str, number: int, tmp_path: Path) -> None:
    changed = FILES[layout.MANIFEST].replace(b"acme", b"evil")
    assert run(version, number, {**FILES, layout.MANIFEST: changed}, tmp_path) != 0
