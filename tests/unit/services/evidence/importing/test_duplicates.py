"""Two documents under one key: one is kept whatever the order, others are reported, equal ones are one."""

from __future__ import annotations

import itertools

from services.evidence.importing.documents import ImportedRecord
from services.evidence.importing.duplicates import settle
from services.evidence.values import Refused


def record(
    uri: str, document: bytes, location: str = "l", key: bytes = b"K", kind: str = "vex"
) -> ImportedRecord:
    return ImportedRecord(kind, "s", key, uri, "sha256:0", b"", location, b"{}", None, document)


def settled(records: list[ImportedRecord]) -> tuple[list[ImportedRecord], list[Refused]]:
    refused: list[Refused] = []
    return list(settle(sorted(records), refused.append)), refused


def test_the_smallest_uri_is_kept_whatever_the_order() -> None:
    records = [record("b", b"2", "l2"), record("a", b"1", "l1"), record("c", b"3", "l3")]
    for order in itertools.permutations(records):
        kept, refused = settled(list(order))
        assert kept == [record("a", b"1", "l1")]
        assert [(entry.location, entry.reason) for entry in refused] == [
            ("l2", "duplicate-key"),
            ("l3", "duplicate-key"),
        ]


def test_equal_documents_are_one_record() -> None:
    assert settled([record("b", b"1"), record("a", b"1")]) == ([record("a", b"1")], [])


def test_kinds_and_keys_are_apart() -> None:
    records = [record("a", b"1", key=b"A"), record("a", b"2", key=b"B"), record("a", b"3", kind="sbom")]
    assert settled(records) == (sorted(records), [])


def test_an_unproven_digest_leaves_nothing_to_the_order() -> None:
    first = record("a", b"1", "l2")._replace(content=b"x")
    second = record("a", b"2", "l1")._replace(content=b"y")
    assert settled([first, second])[0] == settled([second, first])[0] == [first]
