"""Digests name content: what a record set is, never how it came about."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from libs.common.digests import Digest
from libs.common.segments.cut import Record
from services.evidence.ledger import frames
from services.evidence.ledger.digests import snapshot_digest, version_of
from services.evidence.values import DatasetName, Segment

NAME = DatasetName("vex", "s")
STATED = datetime(2024, 1, 1, tzinfo=UTC)


def segment(key: bytes, ledger: bytes = b"1", stated: int | None = 5) -> Segment:
    return frames.write([Record(key, b"{}", b'{"key":"k"}', ledger, stated)]).segment


def test_the_digest_is_fixed_for_all_time() -> None:
    version = version_of(NAME, [segment(b"a")], None)
    assert version.digest == "sha256:1532b908ddcf610410f771d5a774ffdc83c31ffd6af6181876d9592d12bff700"


def test_what_only_the_ledger_knows_does_not_count() -> None:
    one, other = (version_of(NAME, [segment(b"a", ledger)], None) for ledger in (b"1", b"2"))
    assert one.digest == other.digest


@pytest.mark.parametrize(
    ("name", "segments", "stated"),
    [
        (DatasetName("sbom", "s"), [segment(b"a")], None),
        (DatasetName("vex", "t"), [segment(b"a")], None),
        (NAME, [segment(b"a"), segment(b"b")], None),
        (NAME, [segment(b"a", stated=6)], None),
        (NAME, [segment(b"a")], STATED),
        (NAME, [replace(segment(b"a"), records=2)], None),
    ],
    ids=["kind", "source", "segments", "time", "stated time", "count"],
)
def test_everything_else_counts(name: DatasetName, segments: list[Segment], stated: datetime | None) -> None:
    assert version_of(name, segments, stated).digest != version_of(NAME, [segment(b"a")], None).digest


def test_both_frames_count() -> None:
    whole = segment(b"a")
    for role in ("documents", "sources"):
        frame = replace(getattr(whole, role), plain_digest=Digest("sha256:other"))
        changed = replace(whole, documents=frame) if role == "documents" else replace(whole, sources=frame)
        assert version_of(NAME, [changed], None).digest != version_of(NAME, [whole], None).digest


def test_a_stated_time_goes_first_and_an_empty_dataset_has_none() -> None:
    assert version_of(NAME, [segment(b"a")], STATED).as_of == STATED
    assert version_of(NAME, [segment(b"a", stated=None)], None).as_of is None
    empty = version_of(NAME, [], STATED)
    assert (empty.as_of, empty.stated_as_of, empty.records) == (None, None, 0)


def test_a_snapshot_is_its_datasets() -> None:
    one = version_of(NAME, [segment(b"a")], None)
    other = version_of(DatasetName("vex", "t"), [segment(b"a")], None)
    found = {snapshot_digest(versions) for versions in ([], [one], [other], [one, other])}
    assert len(found) == len([[], [one], [other], [one, other]])
