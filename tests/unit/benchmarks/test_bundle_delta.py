"""Proves that the delta of two bundles counts what differs and opens nothing else."""

from __future__ import annotations

from pathlib import Path

from benchmarks.bundle_delta import delta
from tests.kit.bundles import make_bundle, tar_of


def test_a_bundle_does_not_differ_from_itself(tmp_path: Path) -> None:
    path = tmp_path / "a.tar"
    path.write_bytes(tar_of(make_bundle()))
    found = delta(path, path)
    assert found.segments > 0
    assert (found.differing_segments, found.differing_records) == (0, 0)
