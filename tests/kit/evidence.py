"""Made-up documents of every format that the importer knows, and ways to hand them in."""

from __future__ import annotations

import io
import json
import tarfile
import zipfile
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from typing import Any

import zstandard

from services.evidence.importing.containers import Opener
from services.evidence.importing.documents import Document, ImportedRecord, Lines
from services.evidence.importing.incoming import FileBegins, files
from services.evidence.importing.interpret import Reading, interpret
from services.evidence.importing.limits import Budget
from services.evidence.values import Refused

NOW = datetime(2026, 8, 1, tzinfo=UTC)
READING = Reading(kind="", id_field="", key="", uri_prefix="", now=NOW)


def osv(number: int = 1, **more: Any) -> dict[str, Any]:
    """Return an OSV advisory."""
    return {
        "schema_version": "1.6.0",
        "id": f"TEST-2024-{number}",
        "modified": "2024-05-01T10:00:00Z",
        "affected": [{"package": {"ecosystem": "Go", "name": f"example.com/p{number}"}}],
    } | more


def csaf(category: str = "csaf_security_advisory") -> dict[str, Any]:
    """Return a CSAF 2.0 document."""
    return {
        "document": {
            "category": category,
            "csaf_version": "2.0",
            "tracking": {"id": "EX-24-001", "current_release_date": "2024-06-01T00:00:00Z"},
        }
    }


def openvex(**more: Any) -> dict[str, Any]:
    """Return an OpenVEX document."""
    return {
        "@context": "https://openvex.dev/ns/v0.2.0",
        "@id": "https://example.com/vex/1",
        "timestamp": "2024-01-01T00:00:00Z",
        "last_updated": "2024-02-01T00:00:00Z",
        "statements": [],
    } | more


def cyclonedx(**more: Any) -> dict[str, Any]:
    """Return a CycloneDX document."""
    return {
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "serialNumber": "urn:uuid:00000000-0000-4000-8000-000000000001",
        "metadata": {"timestamp": "2024-03-01T00:00:00+02:00"},
    } | more


def spdx(**more: Any) -> dict[str, Any]:
    """Return an SPDX 2.3 document."""
    return {
        "spdxVersion": "SPDX-2.3",
        "SPDXID": "SPDXRef-DOCUMENT",
        "documentNamespace": "https://example.com/spdx/1",
        "creationInfo": {"created": "2024-04-01T00:00:00Z"},
    } | more


def spdx3() -> dict[str, Any]:
    """Return an SPDX 3.0 document."""
    return {
        "@context": "https://spdx.org/rdf/3.0.1/spdx-context.jsonld",
        "@graph": [
            {"type": "CreationInfo", "created": "2024-04-02T00:00:00Z"},
            {"type": "SpdxDocument", "spdxId": "https://example.com/spdx3/1"},
        ],
    }


def kev_entry(cve: str = "CVE-2024-1") -> dict[str, Any]:
    """Return an entry of the KEV catalogue."""
    return {"cveID": cve, "vendorProject": "Example", "vulnerabilityName": "N", "dateAdded": "2024-07-01"}


def kev_catalogue(*cves: str) -> dict[str, Any]:
    """Return a KEV catalogue."""
    return {
        "title": "Catalogue",
        "catalogVersion": "2024.07.01",
        "dateReleased": "2024-07-02T00:00:00Z",
        "vulnerabilities": [kev_entry(cve) for cve in cves],
    }


def cve() -> dict[str, Any]:
    """Return a CVE record."""
    return {
        "dataType": "CVE_RECORD",
        "cveMetadata": {"cveId": "CVE-2024-2", "dateUpdated": "2024-05-05T05:05:05.123"},
        "containers": {},
    }


def grype() -> dict[str, Any]:
    """Return a Grype report."""
    return {"matches": [], "descriptor": {"name": "grype", "timestamp": "2024-08-01T00:00:00.123456789Z"}}


def osv_scanner() -> dict[str, Any]:
    """Return an OSV-Scanner report."""
    return {"results": [{"source": {"path": "go.mod", "type": "lockfile"}, "packages": []}]}


def sarif() -> dict[str, Any]:
    """Return a SARIF report."""
    return {"version": "2.1.0", "runs": [{"invocations": [{"endTimeUtc": "2024-09-01T00:00:00Z"}]}]}


def raw(document: object) -> bytes:
    """Return a document as bytes."""
    return json.dumps(document).encode()


def packed(own_id: str, document: object, source: str = "owner/repo@1:a.json", digit: str = "0") -> bytes:
    """Return a line of a pack."""
    return raw({"id": own_id, "src": source, "sha256": digit * 64, "doc": document})


def zstd(plain: bytes) -> bytes:
    """Return one frame."""
    return zstandard.ZstdCompressor().compress(plain)


def zipped(members: dict[str, bytes], compression: int = zipfile.ZIP_DEFLATED) -> bytes:
    """Return a zip archive."""
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", compression) as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return file.getvalue()


def tarred(members: dict[str, bytes], form: int = tarfile.PAX_FORMAT) -> bytes:
    """Return a tar archive."""
    file = io.BytesIO()
    with tarfile.open(fileobj=file, mode="w", format=form) as archive:
        for name, content in members.items():
            entry = tarfile.TarInfo(name)
            entry.size = len(content)
            archive.addfile(entry, io.BytesIO(content))
    return file.getvalue()


def parts(contents: dict[str, bytes], chunk: int = 1 << 20) -> Iterator[FileBegins | bytes]:
    """Yield files as they arrive."""
    for name, content in contents.items():
        yield FileBegins(name)
        for start in range(0, len(content), chunk):
            yield content[start : start + chunk]


def opened(contents: dict[str, bytes], source: str = "", chunk: int = 1 << 20) -> list[Document | Refused]:
    """Open files down to their documents."""
    opener = Opener(Budget(), source)
    return [
        document
        for file in files(parts(contents, chunk))
        for each in opener.open(file)
        for document in (each.documents() if isinstance(each, Lines) else [each])
    ]


def read(
    contents: dict[str, bytes], reading: Reading = READING, source: str = ""
) -> tuple[list[ImportedRecord], list[Refused]]:
    """Open files and interpret their documents; return records and what was put aside."""
    found = list(_interpreted(opened(contents, source), reading))
    records = [entry for entry in found if isinstance(entry, ImportedRecord)]
    return records, [entry for entry in found if isinstance(entry, Refused)]


def _interpreted(
    documents: Iterable[Document | Refused], reading: Reading
) -> Iterator[ImportedRecord | Refused]:
    for document in documents:
        if isinstance(document, Refused):
            yield document
        else:
            yield from interpret(document, reading)
