"""The documents that cannot be taken, each with the reason that the quarantine gives."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class BadDocument:
    """A document, why it is put aside, and whether it can also stand in a line of a file of many."""

    name: str
    title: str
    raw: bytes
    reason: str
    detail: str
    fits_line: bool = True


def osv(identity: str, more: str) -> bytes:
    """Return an OSV advisory with something more in it, word for word."""
    return f'{{"id":"{identity}","modified":"2024-01-01T00:00:00Z","affected":[],"more":{more}}}'.encode()


UNKNOWN = "it is of no known format; name what it is with --kind and where its id is with --id-field"
_UTF8 = osv("BAD-11", '"@"').replace(b"@", b"\xff")
_FETCH = "fetch it again"
_PLAINLY = "write it with at most 15 significant digits, or as text"

BAD_DOCUMENTS = (
    BadDocument(
        "ends",
        "JSON that ends in the middle",
        osv("BAD-1", "1")[:-20],
        "truncated",
        f"the record ends in the middle, after 51 bytes; {_FETCH}",
    ),
    BadDocument(
        "empty", "an empty file", b"", "truncated", f"the record is empty; {_FETCH}", fits_line=False
    ),
    BadDocument(
        "html",
        "no JSON at all",
        b"<html></html>",
        "not-json",
        "Expecting value at byte 0, where '<html></html>' stands; write JSON as in RFC 8259",
    ),
    BadDocument(
        "more",
        "something behind the document",
        osv("BAD-2", "1") + b" {}",
        "trailing-data",
        "the value ends before byte 72, then comes '{}'; write one value a record",
    ),
    BadDocument(
        "twice",
        "a member that stands twice",
        osv("BAD-3", '{"a":1,"a":2}'),
        "duplicate-member",
        "the member 'a' stands more than once in one object; keep one of them",
    ),
    BadDocument(
        "nan",
        "NaN",
        osv("BAD-4", "NaN"),
        "not-a-number",
        "NaN is no JSON number; write null, or leave the member out",
    ),
    BadDocument(
        "infinity",
        "Infinity",
        osv("BAD-5", "-Infinity"),
        "not-a-number",
        "-Infinity is no JSON number; write null, or leave the member out",
    ),
    BadDocument(
        "surrogate",
        "half a surrogate pair",
        osv("BAD-6", '"\\ud800"'),
        "lone-surrogate",
        "the text '\\ud800' holds half of a surrogate pair; write the whole pair, or \\ufffd",
    ),
    BadDocument(
        "integer",
        "an integer beyond 2^53",
        osv("BAD-7", "9007199254740993"),
        "number-out-of-range",
        f"the number '9007199254740993' would become 9007199254740992.0 as a double; {_PLAINLY}",
    ),
    BadDocument(
        "number",
        "a number beyond any double",
        osv("BAD-8", "1e400"),
        "number-out-of-range",
        f"the number '1e400' is beyond the largest double, about 1.8e308; {_PLAINLY}",
    ),
    BadDocument(
        "utf8",
        "bytes that are not UTF-8",
        _UTF8,
        "invalid-utf8",
        "byte 71 (0xff) is not UTF-8: invalid start byte; write it as UTF-8",
    ),
    BadDocument(
        "bom",
        "a byte order mark",
        b"\xef\xbb\xbf" + osv("BAD-9", "1"),
        "byte-order-mark",
        "the record begins with a byte order mark (efbbbf); write UTF-8 without one",
    ),
    BadDocument(
        "deep",
        "nesting 10,000 deep",
        osv("BAD-10", "[" * 10_000 + "]" * 10_000),
        "too-deep",
        "the record nests deeper than 254 levels; flatten it, or store the inner part as text",
    ),
    BadDocument("unknown", "JSON of no known format", b'{"hello":1}', "unrecognised-document", UNKNOWN),
    BadDocument("array", "JSON that is no object", b"[1,2]", "unrecognised-document", UNKNOWN),
    BadDocument(
        "long",
        "an id of 1 MB",
        osv("A" * 1_048_576, "1"),
        "key-too-long",
        "its key has 1,048,576 bytes, 1,024 are allowed; use --key path",
    ),
    BadDocument(
        "control",
        "a control character in the id",
        osv("A\\u0000B", "1"),
        "bad-key",
        "its key holds a control character: 'A\\x00B'; use --key path",
    ),
)
GOOD_DOCUMENTS = (("good-1", osv("GOOD-1", "1")), ("good-2", osv("GOOD-2", '"é"')))
