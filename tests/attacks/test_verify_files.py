"""Every attack on a bundle's files is named with its reason, in a folder and in a tar alike."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.attacks import on_files, on_manifests, on_records
from tests.attacks.attack import GOOD, Attack, assert_found, everything_below, verify
from tests.kit.bundles import Files, tar_of, write_folder

ATTACKS = [*on_files.ATTACKS, *on_records.ATTACKS, *on_manifests.ATTACKS]


@pytest.mark.parametrize("form", ["folder", "tar"])
@pytest.mark.parametrize("attack", ATTACKS, ids=str)
def test_the_file_and_the_reason_are_named(attack: Attack[Files], form: str, tmp_path: Path) -> None:
    spoilt = attack.spoil(GOOD)
    assert spoilt != GOOD
    target = tmp_path / "bundle"
    if form == "tar":
        target.write_bytes(tar_of(spoilt))
    else:
        write_folder(spoilt, target)
    before = everything_below(tmp_path)
    ended = verify(target, tmp_path)
    assert_found(ended, attack.file, attack.reason)
    assert everything_below(tmp_path).keys() - before.keys() == {"trusted.pub"}


@pytest.mark.parametrize("form", ["folder", "tar"])
def test_what_nobody_attacked_is_verified(form: str, tmp_path: Path) -> None:
    target = tmp_path / "bundle"
    if form == "tar":
        target.write_bytes(tar_of(GOOD))
    else:
        write_folder(GOOD, target)
    assert verify(target, tmp_path).code == 0
