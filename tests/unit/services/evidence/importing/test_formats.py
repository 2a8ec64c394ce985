"""Every format is recognised, with its kind, its own id and the time it states."""

from __future__ import annotations

from typing import Any

import pytest

from services.evidence.importing.formats import is_kev_catalogue, recognise
from services.evidence.times import instant_of, newest, text
from tests.kit import evidence
from tests.kit.evidence import NOW

CASES: list[tuple[dict[str, Any], str, str, str, str]] = [
    (evidence.osv(), "OSV", "advisory", "TEST-2024-1", "2024-05-01T10:00:00.000000Z"),
    (evidence.csaf(), "CSAF 2.0", "advisory", "EX-24-001", "2024-06-01T00:00:00.000000Z"),
    (evidence.csaf("csaf_vex"), "CSAF 2.0", "vex", "EX-24-001", "2024-06-01T00:00:00.000000Z"),
    (evidence.openvex(), "OpenVEX", "vex", "https://example.com/vex/1", "2024-02-01T00:00:00.000000Z"),
    (
        evidence.cyclonedx(components=[{}]),
        "CycloneDX",
        "sbom",
        "urn:uuid:00000000-0000-4000-8000-000000000001",
        "2024-02-29T22:00:00.000000Z",
    ),
    (
        evidence.cyclonedx(vulnerabilities=[{}]),
        "CycloneDX",
        "vex",
        "urn:uuid:00000000-0000-4000-8000-000000000001",
        "2024-02-29T22:00:00.000000Z",
    ),
    (
        evidence.cyclonedx(vulnerabilities=[{}], components=[{}]),
        "CycloneDX",
        "sbom",
        "urn:uuid:00000000-0000-4000-8000-000000000001",
        "2024-02-29T22:00:00.000000Z",
    ),
    (evidence.spdx(), "SPDX 2", "sbom", "https://example.com/spdx/1", "2024-04-01T00:00:00.000000Z"),
    (evidence.spdx3(), "SPDX 3", "sbom", "https://example.com/spdx3/1", "2024-04-02T00:00:00.000000Z"),
    (evidence.kev_entry(), "KEV", "advisory", "CVE-2024-1", "2024-07-01T00:00:00.000000Z"),
    (evidence.cve(), "CVE JSON 5", "advisory", "CVE-2024-2", "2024-05-05T05:05:05.123000Z"),
    (evidence.grype(), "Grype", "finding", "", "2024-08-01T00:00:00.123456Z"),
    (evidence.osv_scanner(), "OSV-Scanner", "finding", "", ""),
    (evidence.sarif(), "SARIF", "finding", "", "2024-09-01T00:00:00.000000Z"),
]


@pytest.mark.parametrize(
    ("document", "name", "kind", "own_id", "stated"), CASES, ids=[f"{case[1]} {case[2]}" for case in CASES]
)
def test_a_document_is_recognised_by_what_it_says(
    document: dict[str, Any], name: str, kind: str, own_id: str, stated: str
) -> None:
    known = recognise(document)
    assert known is not None
    assert (known.name, known.kind(document), known.own_id(document)) == (name, kind, own_id)
    found = newest(known.times(document), NOW)
    assert ("" if found is None else text(instant_of(found))) == stated


@pytest.mark.parametrize(
    "document",
    [
        None,
        1,
        "text",
        [],
        [evidence.osv()],
        {},
        {"id": "A"},
        {"id": 7, "affected": []},
        {"document": []},
        {"document": {"csaf_version": 2}},
        {"@context": ["https://schema.org", 5]},
        {"bomFormat": "Other"},
        {"runs": "many"},
        {"results": {}},
        {"results": ["x"]},
        {"matches": []},
        {"cveID": ""},
        {"payloadType": "application/vnd.in-toto+json", "payload": "e30=", "signatures": []},
    ],
)
def test_what_no_format_claims_is_not_recognised(document: object) -> None:
    assert recognise(document) is None


@pytest.mark.parametrize(
    ("document", "own_id"),
    [
        (evidence.openvex(**{"@id": None}), ""),
        (evidence.cyclonedx(serialNumber=5), ""),
        (evidence.spdx(documentNamespace=[]), ""),
    ],
)
def test_an_own_id_that_is_no_text_does_not_count(document: dict[str, Any], own_id: str) -> None:
    known = recognise(document)
    assert known is not None
    assert known.own_id(document) == own_id


def test_only_a_whole_kev_catalogue_is_one() -> None:
    assert is_kev_catalogue(evidence.kev_catalogue("CVE-2024-1", "CVE-2024-2"))
    assert not is_kev_catalogue(evidence.cyclonedx(vulnerabilities=[{}]))
    assert not is_kev_catalogue(evidence.kev_catalogue() | {"vulnerabilities": [{}]})
    assert not is_kev_catalogue([])
