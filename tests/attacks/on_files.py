"""Lists attacks on the files of a bundle by one who has no trusted key."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from libs.common.bundle import layout
from tests.attacks.attack import DOCUMENTS, GOOD, OTHER_DOCUMENTS, SOURCES, Attack
from tests.kit import bundles
from tests.kit.bundles import OTHER_KEY, Files

OLDER = bundles.make_bundle(bundles.records(count=2))
OTHER_SIGNED = "no trusted key made this signature"
EDITED = GOOD[layout.MANIFEST].replace(b'"tenant":"acme"', b'"tenant":"evil"')


def _file_attacks() -> Iterator[Attack[Files]]:
    for path, data in GOOD.items():
        listed = layout.is_listed(path)
        lacking = "the manifest lists the file, but it is missing" if listed else "every bundle has it"
        yield Attack(f"missing {path}", _without(path), path, lacking)
        size = f"size is 0, not {len(data)}" if listed else ""
        yield Attack(f"emptied {path}", _with(path, b""), path, size)
        cut = f"size is {len(data) - 1}, not {len(data)}" if listed else ""
        yield Attack(f"cut {path}", _with(path, data[:-1]), path, cut)
        longer = "size is " if listed else ""
        yield Attack(f"lengthened {path}", _with(path, data + b"\n"), path, longer)
        for at in (0, len(data) // 2, len(data) - 1):
            spoilt = data[:at] + bytes([data[at] ^ 0x01]) + data[at + 1 :]
            reason = "digest is sha256:" if listed else ""
            yield Attack(f"bit at {at} of {path}", _with(path, spoilt), path, reason)
        if len(data) > 2:
            two = data[:1] + bytes([data[1] ^ 0x10, data[2] ^ 0x10]) + data[3:]
            yield Attack(f"two bits that cancel in a sum in {path}", _with(path, two), path, "")


def _without(path: str) -> Callable[[Files], Files]:
    return lambda files: {other: data for other, data in files.items() if other != path}


def _with(path: str, data: bytes) -> Callable[[Files], Files]:
    return lambda files: {**files, path: data}


def _swapped(one: str, other: str) -> Callable[[Files], Files]:
    return lambda files: {**files, one: files[other], other: files[one]}


def _from_older(*paths: str) -> Callable[[Files], Files]:
    return lambda files: {**files, **{path: OLDER[path] for path in paths}}


def _resigned(_: Files) -> Files:
    return bundles.sign({**GOOD, layout.MANIFEST: EDITED}, OTHER_KEY)


def _resigned_but_for_the_key(files: Files) -> Files:
    return {**_resigned(files), layout.PUBLIC_KEY: GOOD[layout.PUBLIC_KEY]}


EXTRA = [
    "extra",
    ".hidden",
    "signatures/other.sig",
    "signatures/export.sig.bak",
    "data/raw/advisories/osv-go/part-0000000000000000.jsonl.zst",
    "indexes/finding.index.json",
    # Names that Windows keeps for devices, or cannot keep at all: just files that nobody listed.
    "CON",
    "aux.json",
    "data/COM1.txt",
    "trailing.",
]

ATTACKS: list[Attack[Files]] = [
    *_file_attacks(),
    *(Attack(f"extra {path}", _with(path, b"x"), path, "the manifest does not list it") for path in EXTRA),
    Attack("parts change places", _swapped(DOCUMENTS, OTHER_DOCUMENTS), DOCUMENTS, "size is more than"),
    Attack(
        "parts change places, the other one", _swapped(DOCUMENTS, OTHER_DOCUMENTS), OTHER_DOCUMENTS, "size is"
    ),
    Attack("a part and its companion change places", _swapped(DOCUMENTS, SOURCES), SOURCES, "size is"),
    Attack(
        "envelopes change places",
        _swapped(layout.MANIFEST_ENVELOPE, layout.PROVENANCE_ENVELOPE),
        layout.MANIFEST_ENVELOPE,
        "payload-type is",
    ),
    Attack(
        "manifest and provenance change places",
        _swapped(layout.MANIFEST, layout.PROVENANCE),
        layout.MANIFEST,
        "$.",
    ),
    Attack("edited manifest", _with(layout.MANIFEST, EDITED), layout.SIGNATURE, OTHER_SIGNED),
    Attack("edited manifest, signed with another key", _resigned, layout.SIGNATURE, OTHER_SIGNED),
    Attack(
        "the same with the right key beside", _resigned_but_for_the_key, layout.SIGSTORE_BUNDLE, OTHER_SIGNED
    ),
    Attack(
        "the right manifest, signed with another key",
        lambda _: bundles.sign(GOOD, OTHER_KEY),
        layout.MANIFEST_ENVELOPE,
        OTHER_SIGNED,
    ),
    Attack("a signature of another bundle", _from_older(layout.SIGNATURE), layout.SIGNATURE, OTHER_SIGNED),
    Attack(
        "an envelope of another bundle",
        _from_older(layout.MANIFEST_ENVELOPE),
        layout.MANIFEST_ENVELOPE,
        "the payload is not export.json as it stands in the bundle",
    ),
    Attack(
        "a Sigstore bundle of another bundle",
        _from_older(layout.SIGSTORE_BUNDLE),
        layout.SIGSTORE_BUNDLE,
        OTHER_SIGNED,
    ),
    Attack(
        "a provenance of another bundle",
        _from_older(layout.PROVENANCE, layout.PROVENANCE_ENVELOPE),
        layout.PROVENANCE,
        "subject is export.json sha256",
    ),
    Attack(
        "all proofs of another bundle",
        _from_older(*layout.UNLISTED - {layout.MANIFEST}),
        layout.SIGNATURE,
        OTHER_SIGNED,
    ),
    Attack(
        "a manifest of another bundle, with its proofs",
        _from_older(*layout.UNLISTED),
        OTHER_DOCUMENTS,
        "the manifest does not list it",
    ),
    Attack("a signature by a wrong hand", _with(layout.SIGNATURE, b"AAAA"), layout.SIGNATURE, OTHER_SIGNED),
    Attack(
        "a signature that is no base64", _with(layout.SIGNATURE, b"\x1b[2J\xff"), layout.SIGNATURE, "base64"
    ),
    Attack(
        "an endless-looking signature",
        _with(layout.SIGNATURE, b"A" * 1_000_000),
        layout.SIGNATURE,
        "more than 16384 bytes",
    ),
]
