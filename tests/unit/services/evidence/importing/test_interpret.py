"""From a document as received to its record: kind, key, source line, or the true reason why there is none."""

from __future__ import annotations

import base64
import hashlib
import json
from dataclasses import replace
from datetime import UTC, datetime

import pytest

from services.evidence.importing.documents import ImportedRecord
from services.evidence.importing.interpret import Reading
from services.evidence.times import microseconds
from tests.kit import evidence
from tests.kit.evidence import READING, packed, raw, read

ZEROS = "sha256:" + "0" * 64


def how(kind: str = "", id_field: str = "", key: str = "", uri_prefix: str = "") -> Reading:
    return replace(READING, kind=kind, id_field=id_field, key=key, uri_prefix=uri_prefix)


def only(contents: dict[str, bytes], **reading: str) -> ImportedRecord:
    (record,), refused = read(contents, how(**reading))
    assert refused == []
    return record


def reason(contents: dict[str, bytes], **reading: str) -> str:
    records, (refused,) = read(contents, how(**reading))
    assert records == []
    assert refused.detail
    return refused.reason


def test_a_record_is_the_canonical_document_with_key_uri_and_digest_beside_it() -> None:
    content = b' { "modified" : "2024-05-01T10:00:00Z", "id":"A-1" ,\n"score": 9.80 } '
    record = only({"feed/a.json": content}, uri_prefix="https://example.com/")
    assert record.document == b'{"id":"A-1","modified":"2024-05-01T10:00:00Z","score":9.8}'
    assert (record.kind, record.source, record.key) == ("advisory", "feed", b"A-1")
    assert json.loads(record.source_line) == {
        "digest": "sha256:" + hashlib.sha256(content).hexdigest(),
        "key": "A-1",
        "uri": "https://example.com/feed/a.json",
    }
    assert record.stated == microseconds(datetime(2024, 5, 1, 10, tzinfo=UTC))


@pytest.mark.parametrize(
    ("name", "content", "uri"),
    [
        ("a.jsonl", raw(evidence.osv(1)), "p/a.jsonl#TEST-2024-1"),
        ("a.jsonl", b"\n" + raw(evidence.grype()), "p/a.jsonl:2"),
        ("a.zip", evidence.zipped({"x/b.json": raw(evidence.osv(1))}), "p/a.zip!x/b.json"),
        ("kev.json", raw(evidence.kev_catalogue("CVE-2024-1")), "p/kev.json#CVE-2024-1"),
    ],
)
def test_the_uri_says_where_a_record_stands_without_a_line_that_may_move(
    name: str, content: bytes, uri: str
) -> None:
    assert only({name: content}, uri_prefix="p/").uri == uri


@pytest.mark.parametrize(
    ("document", "key"),
    [
        (evidence.osv(7), b"TEST-2024-7"),
        (evidence.csaf(), b"EX-24-001"),
        (evidence.cve(), b"CVE-2024-2"),
        (evidence.kev_entry(), b"CVE-2024-1"),
        (evidence.openvex(), b"https://example.com/vex/1"),
        (evidence.cyclonedx(), b"urn:uuid:00000000-0000-4000-8000-000000000001"),
        (evidence.spdx(), b"https://example.com/spdx/1"),
        (evidence.cyclonedx(serialNumber=None), b"dir/a.json"),
        (evidence.openvex(**{"@id": ""}), b"dir/a.json"),
        (evidence.grype(), b"dir/a.json"),
        (evidence.sarif(), b"dir/a.json"),
    ],
)
def test_the_key_is_the_own_id_or_else_the_path(document: object, key: bytes) -> None:
    assert only({"dir/a.json": raw(document)}).key == key


def test_each_entry_of_the_kev_catalogue_is_a_record_with_a_digest_of_its_own() -> None:
    records, refused = read({"kev.json": raw(evidence.kev_catalogue("CVE-2024-2", "CVE-2024-1"))})
    assert refused == []
    assert [record.key for record in records] == [b"CVE-2024-2", b"CVE-2024-1"]
    assert records[0].digest != records[1].digest
    later, _ = read(
        {"kev.json": raw(evidence.kev_catalogue("CVE-2024-0", "CVE-2024-1") | {"dateReleased": "2025-01-01"})}
    )
    assert later[1] == records[1]


def test_a_line_of_a_pack_is_its_document_under_the_packs_id() -> None:
    record = only({"advisories/osv-x.jsonl": packed("A~2", evidence.osv(1), "o/r@1:a.json", "f")})
    assert (record.kind, record.source, record.key) == ("advisory", "osv-x", b"A~2")
    assert json.loads(record.source_line) == {
        "digest": "sha256:" + "f" * 64,
        "key": "A~2",
        "uri": "o/r@1:a.json",
    }
    assert json.loads(record.document) == evidence.osv(1)


@pytest.mark.parametrize(("key", "expected"), [("id", b"A"), ("path", b"s"), ("id+path", b"A@s")])
def test_the_path_of_a_packs_record_is_its_source(key: str, expected: bytes) -> None:
    assert only({"x.jsonl": packed("A", evidence.osv(1), "s")}, key=key).key == expected


@pytest.mark.parametrize("folder", ["advisories", "cve"])
def test_an_unknown_document_of_a_pack_has_the_kind_of_its_folder(folder: str) -> None:
    record = only({f"{folder}/own.jsonl": packed("N-1", {"title": "x"})})
    assert (record.kind, record.key, record.stated) == ("advisory", b"N-1", None)


def test_an_unknown_document_needs_a_kind_and_an_id() -> None:
    document = raw({"cve": {"id": "N-1"}})
    assert reason({"a.json": document}) == "unrecognised-document"
    assert reason({"a.json": document}, kind="advisory") == "unrecognised-document"
    assert reason({"a.json": document}, kind="advisory", id_field="cve.no") == "unrecognised-document"
    assert reason({"a.json": document}, id_field="cve.id") == "unrecognised-document"
    assert only({"a.json": document}, kind="advisory", id_field="cve.id").key == b"N-1"
    assert only({"vex/a.json": document}, id_field="cve.id").kind == "vex"
    assert only({"a.json": document}, kind="advisory", key="path").key == b"a.json"


@pytest.mark.parametrize(("value", "expected"), [(385, b"385"), ("x", b"x")])
def test_a_named_id_may_be_text_or_a_whole_number(value: object, expected: bytes) -> None:
    assert only({"a.json": raw({"id": value})}, kind="advisory", id_field="id").key == expected


def test_a_stated_kind_is_taken_for_known_documents_too() -> None:
    assert only({"a.json": raw(evidence.cyclonedx(components=[{}]))}, kind="vex").kind == "vex"


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (b"", "truncated"),
        (b'{"id":"A"', "truncated"),
        (b"<xml/>", "not-json"),
        (b'{"id":"A"} x', "trailing-data"),
        (b'\xef\xbb\xbf{"id":"A"}', "byte-order-mark"),
        (b'{"id":"\xff"}', "invalid-utf8"),
        (b'{"id":"A","id":"B","modified":"2024-01-01"}', "duplicate-member"),
        (b'{"id":"A","n":1e400}', "number-out-of-range"),
        (b'{"id":"A","n":9007199254740993}', "number-out-of-range"),
        (b'{"id":"A","n":NaN}', "not-a-number"),
        (b'{"id":"\\ud800"}', "lone-surrogate"),
        (b"[" * 10_000 + b"]" * 10_000, "too-deep"),
        (b"[]", "unrecognised-document"),
        (b"{}", "unrecognised-document"),
    ],
)
@pytest.mark.parametrize("name", ["a.json", "a.jsonl"])
def test_what_cannot_be_taken_is_put_aside_with_the_true_reason(
    name: str, content: bytes, expected: str
) -> None:
    if name == "a.jsonl" and not content:
        assert read({name: content}) == ([], [])
    else:
        assert reason({name: content}) == expected


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        (b'{"id":"A","src":"s","sha256":"%s","doc":{"id":"A","id":"B"}}', "duplicate-member"),
        (b'{"id":"A","src":"s","sha256":"%s","doc":{"id":"A","modified":"2"},"id":"B"}', "duplicate-member"),
        (b'{"id":"A\tB","src":"s","sha256":"%s","doc":{"id":"A","modified":"2"}}', "not-json"),
        (b'{"id":"A\xff","src":"s","sha256":"%s","doc":{"id":"A","modified":"2"}}', "invalid-utf8"),
        (b'{"id":"A","src":"s","id":"B","sha256":"%s","doc":{"id":"A","modified":"2"}}', "duplicate-member"),
        (b'{"id":"A","src":"s","sha256":"%s","doc":{},"doc":{"id":"A","modified":"2"}}', "duplicate-member"),
        (b'{"id":"A","src":"s","sha256":"%s","doc":{"n":1e999}}', "number-out-of-range"),
        (b'{"id":"A","src":"s","sha256":"%s","doc":{"id":"\xff"}}', "invalid-utf8"),
        (b'{"id":"A","src":"","sha256":"%s","doc":{"id":"A","modified":"2"}}', "bad-envelope"),
        (b'{"id":"A\\n","src":"s","sha256":"%s","doc":{"id":"A","modified":"2"}}', "bad-key"),
        (b'{"id":"A","src":"s","sha256":"%s","doc":{}', "truncated"),
        (b'{"id":"A","src":"s","sha256":"%s","doc":"\xed\xa0\x80"}', "invalid-utf8"),
    ],
)
def test_a_packs_line_is_read_as_strictly_as_its_document(line: bytes, expected: str) -> None:
    assert reason({"a.jsonl": line.replace(b"%s", b"0" * 64)}) == expected


def test_a_packs_digest_must_be_one() -> None:
    assert reason({"a.jsonl": packed("A", evidence.osv(1), digit="G")}) == "bad-envelope"


def test_an_envelope_with_escaped_quotes_is_still_one() -> None:
    record = only({"a.jsonl": packed('A"\\', evidence.osv(1), 's"')})
    assert (record.key, record.uri) == (b'A"\\', 's"')


def test_the_members_of_an_envelope_may_stand_in_any_order() -> None:
    line = (
        b' { "doc" : {"id":"B","modified":"2024-01-01"}, "sha256":"'
        + b"0" * 64
        + b'", "src":"s", "id":"A" } \r'
    )
    record = only({"a.jsonl": line})
    assert (record.key, record.uri, record.digest) == (b"A", "s", ZEROS)


def test_a_document_that_only_looks_like_an_envelope_is_a_document() -> None:
    document = evidence.osv(1) | {"src": "s", "sha256": "0" * 64, "doc": {}}
    assert only({"a.jsonl": raw(document)}).key == b"TEST-2024-1"


def packed_bytes(content: bytes, digest: str = "", b64: str = "") -> bytes:
    return raw(
        {
            "id": "A",
            "src": "o/r@1:a.json",
            "sha256": digest or hashlib.sha256(content).hexdigest(),
            "reason": "not-json",
            "b64": b64 or base64.b64encode(content).decode(),
        }
    )


def test_raw_bytes_in_a_pack_are_read_as_a_file() -> None:
    records, (refused,) = read({"oddities/x.jsonl": packed_bytes(b'{"a":1} and more')})
    assert records == []
    assert (refused.location, refused.reason) == ("oddities/x.jsonl:1", "trailing-data")
    assert refused.digest == "sha256:" + hashlib.sha256(b'{"a":1} and more').hexdigest()
    assert only({"x.jsonl": packed_bytes(raw(evidence.osv(3)))}).key == b"A"


def test_raw_bytes_that_are_not_what_their_envelope_says_are_put_aside() -> None:
    assert reason({"x.jsonl": packed_bytes(b"x", digest="0" * 64)}) == "bad-envelope"
    assert reason({"x.jsonl": packed_bytes(b"x", b64="*")}) == "bad-envelope"


def test_a_location_names_the_line() -> None:
    _, (refused,) = read({"a.zip": evidence.zipped({"b.jsonl": b"1\n"})}, READING)
    assert refused.location == "a.zip!b.jsonl:1"
