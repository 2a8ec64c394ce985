"""Finds the outside programs of `make tools`."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

VERSIONS_FILE = Path(__file__).resolve().parents[2] / "tools" / "versions.env"


def versions() -> dict[str, str]:
    """Return what tools/versions.env states."""
    lines = VERSIONS_FILE.read_text(encoding="utf-8").splitlines()
    return dict(line.split("=", 1) for line in lines if line and not line.startswith("#"))


def find(name: str, program: str) -> Path:
    """Return the program whose version `name` states; without it the test is skipped, under CI it fails."""
    version = versions()[name]
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    found = cache / "export-center" / "tools" / f"{program}-{version}" / program
    if not found.exists():
        message = f"{program} {version} is not installed; `make tools` installs it"
        if "CI" in os.environ:
            pytest.fail(message)
        pytest.skip(message)
    return found
