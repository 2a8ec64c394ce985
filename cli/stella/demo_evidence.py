"""Writes the made-up evidence of the demonstration: every format once, the same bytes every time.

Each record is a function of its own id, so that more records change none of those that were there. One record
holds a number that canonical JSON cannot carry, so that quarantine is seen at work.
"""

from __future__ import annotations

import hashlib
import io
import json
import zipfile
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

Document = dict[str, Any]

ADVISORIES = 240
BULLETINS = 40
STATEMENTS = 60
CYCLONEDX = 40
SPDX = 30
UNCARRIABLE = 2**53 + 1  # no IEEE 754 double is this number, so RFC 8785 has no form for it
_BEGIN = datetime(2024, 1, 1, tzinfo=UTC)
_ECOSYSTEMS = (("Go", "golang"), ("PyPI", "pypi"), ("npm", "npm"), ("crates.io", "cargo"), ("Maven", "maven"))
_NOUNS = ("anvil", "beacon", "cobalt", "dynamo", "ember", "ferry", "girder", "harbor", "isthmus", "jetty")
_FLAWS = (
    "reads beyond the end of a buffer",
    "follows links out of its folder",
    "compares secrets in variable time",
    "keeps a lock when a request is cancelled",
    "trusts a length that the peer states",
)


def draw(identity: str, purpose: str, below: int) -> int:
    """Return a number below `below` that depends on nothing but the two texts."""
    return int.from_bytes(hashlib.sha256(f"{identity}\0{purpose}".encode()).digest()[:8], "big") % below


def _time(identity: str, purpose: str) -> str:
    moment = _BEGIN + timedelta(minutes=draw(identity, purpose, 600 * 24 * 60))
    return moment.isoformat().replace("+00:00", "Z")


def _package(identity: str) -> tuple[str, str, str]:
    """Return ecosystem, name and package URL type of what a record is about."""
    ecosystem, kind = _ECOSYSTEMS[draw(identity, "ecosystem", len(_ECOSYSTEMS))]
    noun = _NOUNS[draw(identity, "noun", len(_NOUNS))]
    name = f"demo-{noun}-{draw(identity, 'number', 12)}"
    return ecosystem, f"example.demo:{name}" if ecosystem == "Maven" else name, kind


def _purl(identity: str) -> str:
    _, name, kind = _package(identity)
    return f"pkg:{kind}/{name.replace(':', '/')}@1.{draw(identity, 'minor', 20)}.0"


def _flaw(identity: str) -> str:
    return _FLAWS[draw(identity, "flaw", len(_FLAWS))]


def _vulnerability(number: int) -> str:
    return f"CVE-2099-{number:05d}"  # a year without real ones


def osv(number: int) -> Document:
    """Return an advisory in the OSV format."""
    identity = f"DEMO-2024-{number:04d}"
    ecosystem, name, _ = _package(identity)
    fixed = f"1.{draw(identity, 'fixed', 20) + 1}.0"
    return {
        "schema_version": "1.6.0",
        "id": identity,
        "modified": _time(identity, "modified"),
        "published": "2024-01-01T00:00:00Z",
        "aliases": [_vulnerability(number)],
        "summary": f"{name} {_flaw(identity)}",
        "affected": [
            {
                "package": {"ecosystem": ecosystem, "name": name},
                "ranges": [{"type": "SEMVER", "events": [{"introduced": "0"}, {"fixed": fixed}]}],
            }
        ],
        "severity": [{"type": "CVSS_V3", "score": "CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:L/I:N/A:N"}],
        "references": [{"type": "ADVISORY", "url": f"https://advisories.example/{identity}"}],
    }


def uncarriable() -> Document:
    """Return an advisory that is put aside: one of its numbers would change in canonical JSON."""
    return {**osv(9999), "database_specific": {"build": UNCARRIABLE}}


def csaf(number: int) -> Document:
    """Return a bulletin in the CSAF 2.0 format."""
    identity = f"DEMO-SA-2024-{number:03d}"
    _, name, _ = _package(identity)
    released = _time(identity, "released")
    return {
        "document": {
            "category": "csaf_security_advisory",
            "csaf_version": "2.0",
            "title": f"{name} {_flaw(identity)}",
            "publisher": {"category": "vendor", "name": "Demo", "namespace": "https://vendor.example"},
            "tracking": {
                "id": identity,
                "status": "final",
                "version": "1",
                "initial_release_date": "2024-01-01T00:00:00Z",
                "current_release_date": released,
                "revision_history": [{"number": "1", "date": released, "summary": "First edition"}],
            },
        },
        "product_tree": {"full_product_names": [{"product_id": "P1", "name": f"{name} 1.0.0"}]},
        "vulnerabilities": [
            {
                "cve": _vulnerability(number),
                "product_status": {"known_affected": ["P1"]},
                "scores": [{"products": ["P1"], "cvss_v3": {"version": "3.1", "baseScore": 9.0}}],
            }
        ],
    }


def openvex(number: int) -> Document:
    """Return a statement in the OpenVEX format."""
    identity = f"https://vex.example/demo/{number:04d}"
    affected = draw(identity, "status", 3) == 0
    statement: Document = {
        "vulnerability": {"name": _vulnerability(number)},
        "products": [{"@id": _purl(identity)}],
        "status": "affected" if affected else "not_affected",
    }
    if affected:
        statement["action_statement"] = "Update to the fixed version."
    else:
        statement["justification"] = "vulnerable_code_not_in_execute_path"
    return {
        "@context": "https://openvex.dev/ns/v0.2.0",
        "@id": identity,
        "author": "Demo",
        "timestamp": _time(identity, "timestamp"),
        "version": 1,
        "statements": [statement],
    }


def cyclonedx(number: int) -> Document:
    """Return a bill of materials in the CycloneDX format."""
    identity = f"cyclonedx-{number:03d}"
    digest = hashlib.sha256(identity.encode()).hexdigest()
    serial = f"{digest[:8]}-{digest[8:12]}-4{digest[13:16]}-8{digest[17:20]}-{digest[20:32]}"
    components = []
    for position in range(8 + draw(identity, "components", 12)):
        part = f"{identity}/{position}"
        components.append({"type": "library", "name": _package(part)[1], "purl": _purl(part)})
    return {
        "bomFormat": "CycloneDX",
        "specVersion": "1.5",
        "serialNumber": f"urn:uuid:{serial}",
        "version": 1,
        "metadata": {
            "timestamp": _time(identity, "timestamp"),
            "component": {"type": "application", "name": f"demo-app-{number:03d}", "version": "1.0.0"},
        },
        "components": components,
    }


def spdx(number: int) -> Document:
    """Return a bill of materials in the SPDX 2.3 format."""
    identity = f"spdx-{number:03d}"
    packages = []
    for position in range(4 + draw(identity, "packages", 8)):
        part = f"{identity}/{position}"
        packages.append(
            {
                "SPDXID": f"SPDXRef-Package-{position}",
                "name": _package(part)[1],
                "versionInfo": f"1.{draw(part, 'minor', 20)}.0",
                "downloadLocation": "NOASSERTION",
                "externalRefs": [
                    {
                        "referenceCategory": "PACKAGE-MANAGER",
                        "referenceType": "purl",
                        "referenceLocator": _purl(part),
                    }
                ],
            }
        )
    return {
        "spdxVersion": "SPDX-2.3",
        "dataLicense": "CC0-1.0",
        "SPDXID": "SPDXRef-DOCUMENT",
        "name": f"demo-image-{number:03d}",
        "documentNamespace": f"https://sboms.example/demo/{number:03d}",
        "creationInfo": {"created": _time(identity, "created"), "creators": ["Tool: demo"]},
        "packages": packages,
    }


def files() -> Iterator[tuple[str, bytes]]:
    """Yield name and bytes of every file: lines and archives, in folders that name the kind."""
    yield "advisories/osv-demo.jsonl", _lines([*map(osv, range(1, ADVISORIES + 1)), uncarriable()])
    yield "advisories/csaf-demo.zip", _archive({f"{n:03d}.json": csaf(n) for n in range(1, BULLETINS + 1)})
    yield "vex/openvex-demo.jsonl", _lines([openvex(n) for n in range(1, STATEMENTS + 1)])
    yield (
        "sboms/cyclonedx-demo.zip",
        _archive({f"{n:03d}.cdx.json": cyclonedx(n) for n in range(1, CYCLONEDX + 1)}),
    )
    yield "sboms/spdx-demo.jsonl", _lines([spdx(n) for n in range(1, SPDX + 1)])


def _lines(documents: Sequence[Document]) -> bytes:
    return b"".join(json.dumps(document).encode() + b"\n" for document in documents)


def _archive(documents: Mapping[str, Document]) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name, document in documents.items():
            # The oldest date that the format has: the bytes must not depend on the day.
            archive.writestr(zipfile.ZipInfo(name, (1980, 1, 1, 0, 0, 0)), json.dumps(document))
    return buffer.getvalue()


def write(folder: Path) -> list[Path]:
    """Write the evidence below `folder` and return the folders to import."""
    for name, content in files():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    return [folder / kind for kind in ("advisories", "sboms", "vex")]
