"""A selection takes records by what they state, whatever their format."""

from __future__ import annotations

from typing import Any

import pytest

from libs.common.canon.encode import encode
from services.adapter_host.adapters.base import Batch
from services.adapter_host.adapters.json_raw.select import Select
from services.adapter_host.selection import Selection

SECOND = 1_000_000_000
MAY = 1_714_521_600 * SECOND  # 2024-05-01T00:00:00Z

OSV: dict[str, Any] = {
    "id": "GHSA-1",
    "aliases": ["CVE-2024-1"],
    "modified": "2024-05-01T00:00:00Z",
    "affected": [{"package": {"ecosystem": "AlmaLinux:9", "name": "openssl"}}],
}
CSAF: dict[str, Any] = {
    "document": {"tracking": {"id": "RHSA-1", "current_release_date": "2024-05-02T00:00:00Z"}},
    "product_tree": {"product": {"product_identification_helper": {"purl": "pkg:rpm/redhat/bash@5"}}},
    "vulnerabilities": [{"cve": "CVE-2024-2"}],
}
KEV: dict[str, Any] = {"cveID": "CVE-2024-3", "dateAdded": "2024-05-03", "product": "Windows"}
OPENVEX: dict[str, Any] = {
    "@id": "https://example.org/vex/1",
    "statements": [
        {
            "vulnerability": {"name": "CVE-2024-4", "aliases": ["GO-2024-4"]},
            "products": [
                {"@id": "pkg:oci/image", "subcomponents": [{"@id": "pkg:golang/golang.org/x/net@v1"}]}
            ],
            "timestamp": "2024-05-04T00:00:00Z",
        },
        {"vulnerability": "CVE-2024-5", "timestamp": "2024-01-01T00:00:00Z"},
    ],
}
CYCLONEDX: dict[str, Any] = {
    "serialNumber": "urn:uuid:1",
    "metadata": {"timestamp": "2024-05-05T00:00:00Z", "component": {"name": "app"}},
    "components": [
        {"name": "outer", "components": [{"name": "inner", "purl": "pkg:npm/%40scope/inner@1.0"}]}
    ],
}
SPDX: dict[str, Any] = {
    "documentNamespace": "https://example.org/spdx/1",
    "creationInfo": {"created": "2024-05-06T00:00:00Z"},
    "packages": [{"name": "zlib"}],
}
CVE: dict[str, Any] = {"cveMetadata": {"cveId": "CVE-2024-6", "dateUpdated": "2024-05-07T00:00:00.000Z"}}
GRYPE: dict[str, Any] = {
    "descriptor": {"timestamp": "2024-05-08T00:00:00Z"},
    "matches": [
        {"vulnerability": {"id": "CVE-2024-7"}, "artifact": {"name": "musl", "purl": "pkg:apk/alpine/musl@1"}}
    ],
}
SARIF: dict[str, Any] = {"runs": [{"invocations": [{"endTimeUtc": "2024-05-09T00:00:00Z"}]}]}
ALL = {
    "osv": OSV,
    "csaf": CSAF,
    "kev": KEV,
    "openvex": OPENVEX,
    "cyclonedx": CYCLONEDX,
    "spdx": SPDX,
    "cve": CVE,
    "grype": GRYPE,
    "sarif": SARIF,
}


def batch(documents: dict[str, Any]) -> Batch:
    return Batch(
        b"".join(encode(document) + b"\n" for document in documents.values()),
        b"".join(encode({"digest": "", "key": key, "uri": ""}) + b"\n" for key in documents),
    )


def taken(selection: Selection, documents: dict[str, Any] | None = None) -> list[str]:
    given = batch(ALL if documents is None else documents)
    left = Select(selection).apply(given)
    lines = given.documents.splitlines(keepends=True), given.sources.splitlines(keepends=True)
    keys = list(ALL if documents is None else documents)
    kept = left.sources.splitlines(keepends=True)
    chosen = [number for number, line in enumerate(lines[1]) if line in kept]
    assert left == Batch(b"".join(lines[0][n] for n in chosen), b"".join(lines[1][n] for n in chosen))
    return [keys[number] for number in chosen]


@pytest.mark.parametrize(
    ("entry", "expected"),
    [
        ("GHSA-1", ["osv"]),
        ("CVE-2024-1", ["osv"]),
        ("RHSA-1", ["csaf"]),
        ("CVE-2024-2", ["csaf"]),
        ("CVE-2024-3", ["kev"]),
        ("CVE-2024-4", ["openvex"]),
        ("GO-2024-4", ["openvex"]),
        ("CVE-2024-5", ["openvex"]),
        ("https://example.org/vex/1", ["openvex"]),
        ("CVE-2024-6", ["cve"]),
        ("CVE-2024-7", ["grype"]),
        ("urn:uuid:1", ["cyclonedx"]),
        ("https://example.org/spdx/1", ["spdx"]),
        ("sarif", ["sarif"]),
        ("CVE-2024-*", ["osv", "csaf", "kev", "openvex", "cve", "grype"]),
        ("cve-2024-1", []),
    ],
)
def test_ids_are_the_records_own_their_aliases_and_the_cves_they_are_about(
    entry: str, expected: list[str]
) -> None:
    assert taken(Selection(ids=(entry,))) == expected


@pytest.mark.parametrize(
    ("entry", "expected"),
    [
        ("AlmaLinux", ["osv"]),
        ("AlmaLinux:9", ["osv"]),
        ("Alma", []),
        ("AlmaLinux:", []),
        ("Go", ["openvex"]),
        ("golang", ["openvex"]),
        ("npm", ["cyclonedx"]),
        ("Red Hat", ["csaf"]),
        ("rpm", ["osv", "csaf"]),
        ("rpm/almalinux", ["osv"]),
        ("Alpine", ["grype"]),
        ("Debian", []),
    ],
)
def test_ecosystems_are_those_stated_with_their_suffixes_and_the_types_of_package_urls(
    entry: str, expected: list[str]
) -> None:
    assert taken(Selection(ecosystems=(entry,))) == expected


@pytest.mark.parametrize(
    ("entry", "expected"),
    [
        ("openssl", ["osv"]),
        ("open*", ["osv"]),
        ("bash", ["csaf"]),
        ("golang.org/x/net", ["openvex"]),
        ("@scope/inner", ["cyclonedx"]),
        ("inner", ["cyclonedx"]),
        ("outer", ["cyclonedx"]),
        ("app", ["cyclonedx"]),
        ("zlib", ["spdx"]),
        ("musl", ["grype"]),
        ("pkg:golang/golang.org/x/net", ["openvex"]),
        ("pkg:golang/golang.org/x/net@v1", ["openvex"]),
        ("pkg:golang/golang.org/x/net@v2", []),
        ("pkg:golang/golang.org/x/*", ["openvex"]),
        ("pkg:npm/%40scope/inner", ["cyclonedx"]),
        ("pkg:npm/@scope/inner@1.0", ["cyclonedx"]),
        ("pkg:rpm/almalinux/openssl", ["osv"]),
        ("pkg:rpm/*", ["osv", "csaf"]),
        ("Windows", []),
        ("OpenSSL", []),
    ],
)
def test_packages_are_names_or_package_urls(entry: str, expected: list[str]) -> None:
    assert taken(Selection(packages=(entry,))) == expected


def test_modified_since_includes_its_instant_and_until_does_not() -> None:
    documents = {
        "before": {"modified": "2024-04-30T23:59:59.999999999Z"},
        "at": {"modified": "2024-05-01T00:00:00Z"},
        "after": {"modified": "2024-05-01T00:00:00.000000001Z"},
    }
    assert taken(Selection(modified_since=MAY), documents) == ["at", "after"]
    assert taken(Selection(modified_until=MAY), documents) == ["before"]
    assert taken(Selection(modified_since=MAY, modified_until=MAY + 1), documents) == ["at"]


def test_every_format_that_states_times_is_judged_by_its_newest() -> None:
    day = 86_400 * SECOND
    newest_first = [
        taken(Selection(modified_since=MAY + n * day, modified_until=MAY + (n + 1) * day)) for n in range(9)
    ]
    assert newest_first == [[name] for name in ALL]


def test_a_record_without_a_stated_time_is_not_taken_when_one_is_asked_for() -> None:
    documents = {"none": {"id": "a"}, "zero": {"modified": "0001-01-01T00:00:00Z"}, "odd": {"modified": 5}}
    assert taken(Selection(modified_since=0), documents) == []


def test_lists_are_joined_by_and_their_entries_by_or() -> None:
    assert taken(Selection(ids=("GHSA-1", "CVE-2024-2"), packages=("openssl", "bash"))) == ["osv", "csaf"]
    assert taken(Selection(ids=("GHSA-1", "CVE-2024-2"), packages=("bash",))) == ["csaf"]


@pytest.mark.parametrize(
    "document", [{"aliases": None, "affected": {}, "id": 7}, {"affected": [None, {"package": []}]}, [], {}]
)
def test_odd_documents_match_nothing_and_harm_nothing(document: object) -> None:
    selection = Selection(ids=("x",), ecosystems=("x",), packages=("x",), modified_since=1)
    assert taken(selection, {"odd": document}) == []


def test_a_batch_that_is_taken_whole_is_given_back_as_it_is() -> None:
    given = batch({"osv": OSV})
    assert Select(Selection(ids=("GHSA-1",))).apply(given) is given


def test_the_order_of_entries_does_not_change_the_digest() -> None:
    assert Select(Selection(ids=("a", "b"))).digest == Select(Selection(ids=("b", "a", "b"))).digest


def test_another_selection_has_another_digest() -> None:
    selections = [
        Selection(ids=("a",)),
        Selection(packages=("a",)),
        Selection(ecosystems=("a",)),
        Selection(modified_since=1),
        Selection(modified_until=1),
    ]
    assert len({Select(selection).digest for selection in selections}) == len(selections)
