"""The made-up evidence is the same every time and holds one record that canonical JSON cannot carry."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from cli.stella import demo_evidence
from libs.common.canon.canonical import canonical
from libs.common.canon.decode import Rejected


def test_it_is_the_same_every_time() -> None:
    assert dict(demo_evidence.files()) == dict(demo_evidence.files())


def test_there_are_hundreds_of_records_under_different_ids() -> None:
    identities = [demo_evidence.osv(number)["id"] for number in range(1, demo_evidence.ADVISORIES + 1)]
    assert len(set(identities)) == demo_evidence.ADVISORIES


def test_one_record_cannot_be_carried_and_the_others_can() -> None:
    with pytest.raises(Rejected, match=r"9007199254740993"):
        canonical(json.dumps(demo_evidence.uncarriable()).encode())
    evidence = demo_evidence
    for make in (evidence.osv, evidence.csaf, evidence.openvex, evidence.cyclonedx, evidence.spdx):
        canonical(json.dumps(make(1)).encode())


def test_folders_name_the_kinds(tmp_path: Path) -> None:
    assert [path.name for path in demo_evidence.write(tmp_path)] == ["advisories", "sboms", "vex"]
