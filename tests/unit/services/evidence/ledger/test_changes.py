"""What an import or a deletion changes, in order of key."""

from __future__ import annotations

import pytest

from libs.common.segments.cut import Record
from libs.common.segments.merge import Change, Tombstone
from services.evidence.importing.documents import ImportedRecord
from services.evidence.ledger import changes
from services.evidence.ledger.deletion import holding
from services.evidence.ledger.frames import ledger_line, write


def record(key: str) -> Record:
    return Record(key.encode(), b"{}", b'{"key":"%s"}' % key.encode(), b"", None)


def shown(found: list[Change]) -> str:
    return " ".join(("-" if isinstance(change, Tombstone) else "+") + change.key.decode() for change in found)


def test_an_imported_record_carries_when_it_was_seen() -> None:
    imported = ImportedRecord("vex", "s", b"k", "u", "d", b"", "l", b'{"key":"k"}', 5, b"{}")
    assert list(changes.records([imported], "now", 3)) == [
        Record(b"k", b"{}", b'{"key":"k"}', b'{"at":"now","seq":3,"t":5}', 5)
    ]


@pytest.mark.parametrize(
    ("before", "now", "expected"),
    [(None, None, None), (None, 7, 7), (5, 7, 7), (7, 5, 7), (7, None, 7)],
)
def test_of_a_record_that_comes_again_the_newest_time_counts(
    before: int | None, now: int | None, expected: int | None
) -> None:
    def at(moment: str, sequence: int, stated: int | None) -> Record:
        return Record(b"k", b"{}", b"{}", ledger_line(moment, sequence, stated), stated)

    assert changes.again(at("then", 1, before), at("now", 2, now)) == at("then", 1, expected)


@pytest.mark.parametrize(
    ("existing", "new", "expected"),
    [
        ("", "", ""),
        ("a b", "", "-a -b"),
        ("", "a b", "+a +b"),
        ("a c", "b", "-a +b -c"),
        ("a b c", "b", "-a +b -c"),
        ("a b", "a b", "+a +b"),
        ("b", "a c", "+a -b +c"),
    ],
)
def test_a_replacement_deletes_what_it_does_not_name(existing: str, new: str, expected: str) -> None:
    found = changes.replacement(
        [key.encode() for key in existing.split()], [record(key) for key in new.split()]
    )
    assert shown(list(found)) == expected


def test_a_deletion_names_only_what_is_there() -> None:
    assert shown(list(changes.deletion([b"a", b"b", b"d"], [b"d", b"c", b"a"]))) == "-a -d"


@pytest.mark.parametrize("batch", [1, 2, 100])
def test_keys_are_noted_in_batches_and_all_of_them(batch: int) -> None:
    noted: list[tuple[list[bytes], list[bytes]]] = []
    stream: list[Change] = [record("a"), Tombstone(b"b"), record("c")]
    passed = list(changes.noted(stream, lambda present, gone: noted.append((present, gone)), batch))
    assert passed == stream
    assert [key for present, _ in noted for key in present] == [b"a", b"c"]
    assert [key for _, gone in noted for key in gone] == [b"b"]
    assert all(len(present) + len(gone) <= batch for present, gone in noted)


@pytest.mark.parametrize(
    ("keys", "expected"),
    [("", []), ("a", ["a"]), ("b", ["a"]), ("d", []), ("a z", ["a", "z"]), ("e f", ["e"])],
)
def test_only_segments_that_may_hold_a_key_are_read(keys: str, expected: list[str]) -> None:
    segments = [write([record(key) for key in group]).segment for group in (["a", "c"], ["e", "g"], ["z"])]
    found = holding(segments, [key.encode() for key in keys.split()])
    assert [segment.first_key.decode() for segment in found] == expected
