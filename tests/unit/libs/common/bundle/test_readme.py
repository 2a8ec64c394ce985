"""Rules of the README.md inside a bundle."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import pytest
from stellaops.export.bundle.v1.manifest_pb2 import Manifest

from libs.common.bundle import layout
from libs.common.bundle.json_form import from_json
from libs.common.bundle.readme import render_readme
from tests.kit import bundles

FENCE = re.compile(r"```sh\n(.*?)```", re.DOTALL)


def test_the_finished_manifest_gives_the_same_text() -> None:
    files = bundles.make_bundle()
    assert render_readme(from_json(files[layout.MANIFEST], Manifest)) == files[layout.README]


def test_it_says_what_the_bundle_holds() -> None:
    text = bundles.make_bundle()[layout.README].decode()
    assert "| advisories | `osv-go` | 3 | 9 | 585 |" in text


def test_it_sends_the_reader_elsewhere_for_the_key() -> None:
    text = bundles.make_bundle()[layout.README].decode()
    commands = "".join(FENCE.findall(text))
    assert ("../trusted.pub" in commands, layout.PUBLIC_KEY in commands) == (True, False)


def test_an_empty_bundle_says_so() -> None:
    text = bundles.make_bundle([])[layout.README].decode()
    assert ("It holds no records" in text, "zstd -dc" in text) == (True, False)


def test_every_path_it_names_is_there() -> None:
    files = bundles.make_bundle()
    named = re.findall(r"(?:data|signatures|indexes)/[A-Za-z0-9._/-]*[a-z]", files[layout.README].decode())
    assert {path for path in named if path not in files} == set()


@pytest.mark.parametrize("program", ["sha256sum", "zstd"])
def test_the_commands_of_common_programs_work(program: str, tmp_path: Path) -> None:
    if not all(shutil.which(name) for name in ("jq", "sha256sum", "zstd")):
        pytest.skip("jq, sha256sum and zstd are needed; install the packages of these names")
    files = bundles.make_bundle()
    folder = bundles.write_folder(files, tmp_path / "bundle")
    commands = [block for block in FENCE.findall(files[layout.README].decode()) if program in block]
    for command in commands:
        subprocess.run(["bash", "-euo", "pipefail", "-c", command], cwd=folder, check=True, timeout=30)
    assert commands
