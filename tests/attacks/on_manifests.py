"""Lists manifests that no signer of ours makes, rightly signed: other JSON, other paths, other numbers."""

from __future__ import annotations

from collections.abc import Callable

from stellaops.export.bundle.v1.manifest_pb2 import Manifest, ManifestContent

from libs.common.bundle import layout
from tests.attacks.attack import ADVISORY_INDEX, DOCUMENTS, GOOD, Attack, signed_raw
from tests.kit import bundles
from tests.kit.bundles import Files

ZEROS = "sha256:" + "0" * 64


def _manifest(change: Callable[[Manifest, ManifestContent], object]) -> Callable[[Files], Files]:
    def change_documents(found: Manifest) -> None:
        change(found, next(content for content in found.contents if content.path == DOCUMENTS))

    return lambda _: bundles.sign(
        bundles.assemble(bundles.make_parts(bundles.some_records()), change_manifest=change_documents)
    )


def _raw(change: Callable[[bytes], bytes]) -> Callable[[Files], Files]:
    return lambda _: signed_raw(change(GOOD[layout.MANIFEST]))


def many_files(count: int) -> bytes:
    """Return a manifest that names `count` files, each in few bytes."""
    named = b",".join(b'{"path":"f%07d"}' % number for number in range(count))
    return b'{"contents":[' + named + b"]}"


ON_MANIFESTS: list[Attack[Files]] = [
    Attack(
        "plainBytes that lie",
        _manifest(lambda _, content: setattr(content, "plain_bytes", 10**12)),
        ADVISORY_INDEX,
        "`plainBytes` of the part",
    ),
    Attack(
        "digest that lies",
        _manifest(lambda _, content: setattr(content, "digest", ZEROS)),
        DOCUMENTS,
        "digest is",
    ),
    Attack(
        "bytes that lie",
        _manifest(lambda _, content: setattr(content, "bytes", 5)),
        DOCUMENTS,
        "size is more than 5",
    ),
    Attack(
        "records that lie",
        _manifest(lambda _, content: setattr(content, "records", 5)),
        ADVISORY_INDEX,
        "`records`",
    ),
    Attack(
        "duplicate member",
        _raw(lambda raw: raw[:-1] + b',"version":"1.1.0"}'),
        layout.MANIFEST,
        "the member 'version' stands more than once",
    ),
    Attack(
        "duplicate member, escaped",
        _raw(lambda raw: raw[:-1] + b',"\\u0076ersion":"1.1.0"}'),
        layout.MANIFEST,
        "the member 'version' stands more than once",
    ),
    Attack("unknown member", _raw(lambda raw: raw[:-1] + b',"zzz":1}'), layout.MANIFEST, "no such member"),
    Attack(
        "unknown member named to steer",
        _raw(lambda raw: raw[:-1] + ',"z\u202e\u009b":1}'.encode()),
        layout.MANIFEST,
        r"z\u202e\x9b: the format has no such member",
    ),
    Attack(
        "number beyond doubles",
        _raw(lambda raw: raw.replace(b'"level":3', b'"level":1e999')),
        layout.MANIFEST,
        "is beyond the largest double",
    ),
    Attack(
        "number of a million digits",
        _raw(lambda raw: raw.replace(b'"level":3', b'"level":' + b"9" * 10**6)),
        layout.MANIFEST,
        "has more than 400 characters",
    ),
    Attack(
        "number that is no integer",
        _raw(lambda raw: raw.replace(b'"level":3', b'"level":3.5')),
        layout.MANIFEST,
        "$.codec.level: an integer",
    ),
    Attack(
        "number beyond its type",
        _raw(lambda raw: raw.replace(b'"level":3', b'"level":4294967299')),
        layout.MANIFEST,
        "$.codec.level: an integer",
    ),
    Attack(
        "deep nesting", _raw(lambda _: b"[" * 100_000 + b"]" * 100_000), layout.MANIFEST, "deeper than 254"
    ),
    Attack("unclosed nesting", _raw(lambda _: b'{"a":' * 1_000_000), layout.MANIFEST, "deeper than 254"),
    Attack(
        "a million files",
        _raw(lambda _: many_files(10**6)),
        layout.MANIFEST,
        "values, the most that are read",
    ),
    Attack(
        "more files than a bundle has",
        _raw(lambda _: many_files(100_001)),
        layout.MANIFEST,
        "$.contents[0].digest",
    ),
    Attack(
        "other spelling", _raw(lambda raw: raw.replace(b":", b": ", 1)), layout.MANIFEST, "not canonical JSON"
    ),
    Attack("byte order mark", _raw(lambda raw: b"\xef\xbb\xbf" + raw), layout.MANIFEST, "byte order mark"),
    Attack("no UTF-8", _raw(lambda raw: raw.replace(b"acme", b"ac\xffe")), layout.MANIFEST, "is not UTF-8"),
    Attack(
        "surrogate", _raw(lambda raw: raw.replace(b"acme", b"\\ud800")), layout.MANIFEST, "surrogate pair"
    ),
    Attack(
        "NaN", _raw(lambda raw: raw.replace(b'"level":3', b'"level":NaN')), layout.MANIFEST, "no JSON number"
    ),
    Attack("empty", _raw(lambda _: b""), layout.MANIFEST, "the record is empty"),
    Attack("null", _raw(lambda _: b"null"), layout.MANIFEST, "an object is wanted, not null"),
    Attack(
        "an adapter that steers",
        _raw(lambda raw: raw.replace(b'"kind":"json"', '"kind":"\u202e\u009b2J"'.encode())),
        layout.MANIFEST,
        "$.profile.kind",
    ),
]

HOSTILE_PATHS = {
    "../outside": "component",
    "/etc/passwd": "component",
    "a/../../b": "component",
    "a//b": "component",
    "C:\\\\windows": "consists of letters",
    "nul\\u0000byte": "consists of letters",
    "line\\nbreak": "consists of letters",
    "\\u001b[2J\\u001b]0;pwned\\u0007": "consists of letters",
    "\u202etxt.exe": "consists of letters",
    "\u009b2J": "consists of letters",
    "nfc-\u00e9": "consists of letters",
    "nfd-e\u0301": "consists of letters",
    "README.MD": "",
    "export.json": "is never listed",
    "signatures/x": "is never listed",
    "x" * 256: "1 to 255 characters",
    "d/" * 120 + "f" * 10: "",
}


def _renamed(path: str) -> Callable[[bytes], bytes]:
    return lambda raw: raw.replace(b'"path":"README.md"', f'"path":"{path}"'.encode())


ON_PATHS: list[Attack[Files]] = [
    Attack(f"path {path[:20]!a}", _raw(_renamed(path)), layout.MANIFEST if reason else "", reason)
    for path, reason in HOSTILE_PATHS.items()
]

ATTACKS = [*ON_MANIFESTS, *ON_PATHS]
