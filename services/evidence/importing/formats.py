"""Recognises what a parsed document is: one table of formats, each with its kind, own id and stated times."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

Object = dict[str, Any]

ADVISORY, VEX, SBOM, FINDING = "advisory", "vex", "sbom", "finding"
KINDS = (ADVISORY, FINDING, SBOM, VEX)


def _always(kind: str) -> Callable[[Object], str]:
    return lambda _document: kind


def _no_id(_document: Object) -> str:
    return ""


@dataclass(frozen=True, slots=True)
class Format:
    """One format: how it is recognised, and what a document of it says about itself.

    Every document of the format has at least one of the members `marks`; `recognise` decides among those.
    `own_id` is empty where the document states none; `times` yields values that may be anything.
    """

    name: str
    marks: tuple[str, ...]
    recognise: Callable[[Object], bool]
    kind: Callable[[Object], str]
    own_id: Callable[[Object], str]
    times: Callable[[Object], Iterable[object]]


def text_at(document: object, *path: str) -> str:
    """Return the text that stands at `path`, or nothing."""
    value = at(document, *path)
    return value if isinstance(value, str) else ""


def at(document: object, *path: str) -> object:
    """Return what stands at `path` through objects, or None."""
    value = document
    for member in path:
        if not isinstance(value, dict):
            return None
        value = value.get(member)
    return value


def _objects_at(document: object, *path: str) -> list[Object]:
    value = at(document, *path)
    return [entry for entry in value if isinstance(entry, dict)] if isinstance(value, list) else []


def _contexts(document: Object) -> list[str]:
    value = document.get("@context")
    return [entry for entry in (value if isinstance(value, list) else [value]) if isinstance(entry, str)]


def _is_cyclonedx(document: Object) -> bool:
    return document.get("bomFormat") == "CycloneDX" or (
        "cyclonedx.org/schema/bom" in text_at(document, "$schema") and "specVersion" in document
    )


def _cyclonedx_kind(document: Object) -> str:
    return VEX if document.get("vulnerabilities") and not document.get("components") else SBOM


def _is_spdx(document: Object) -> bool:
    return (
        text_at(document, "spdxVersion").startswith("SPDX-") or document.get("SPDXID") == "SPDXRef-DOCUMENT"
    )


def _is_spdx3(document: Object) -> bool:
    return any("spdx.org/rdf/3" in context for context in _contexts(document)) and "@graph" in document


def _spdx3_elements(document: Object, kind: str) -> list[Object]:
    return [
        entry for entry in _objects_at(document, "@graph") if kind in (entry.get("type"), entry.get("@type"))
    ]


def _spdx3_id(document: Object) -> str:
    return next((text_at(entry, "spdxId") for entry in _spdx3_elements(document, "SpdxDocument")), "")


def _spdx3_times(document: Object) -> Iterable[object]:
    return (entry.get("created") for entry in _spdx3_elements(document, "CreationInfo"))


def _is_openvex(document: Object) -> bool:
    return any("openvex.dev/ns" in context for context in _contexts(document))


def _is_csaf(document: Object) -> bool:
    return bool(text_at(document, "document", "csaf_version"))


def _csaf_kind(document: Object) -> str:
    return VEX if text_at(document, "document", "category").lower() == "csaf_vex" else ADVISORY


def _is_cve(document: Object) -> bool:
    return document.get("dataType") == "CVE_RECORD" and bool(text_at(document, "cveMetadata", "cveId"))


def _is_kev_entry(document: Object) -> bool:
    return bool(text_at(document, "cveID")) and ("dateAdded" in document or "vulnerabilityName" in document)


def _is_grype(document: Object) -> bool:
    return isinstance(document.get("matches"), list) and any(
        isinstance(document.get(member), dict) for member in ("descriptor", "source", "distro")
    )


def _is_osv_scanner(document: Object) -> bool:
    results = document.get("results")
    return isinstance(results, list) and all(
        isinstance(entry, dict) and isinstance(entry.get("packages"), list | None) and "source" in entry
        for entry in results
    )


def _is_sarif(document: Object) -> bool:
    return isinstance(document.get("runs"), list) and (
        "sarif" in text_at(document, "$schema").lower() or text_at(document, "version").startswith("2.")
    )


def _sarif_times(document: Object) -> Iterable[object]:
    return (
        invocation.get("endTimeUtc")
        for run in _objects_at(document, "runs")
        for invocation in _objects_at(run, "invocations")
    )


def _is_osv(document: Object) -> bool:
    return bool(text_at(document, "id")) and (
        isinstance(document.get("affected"), list)
        or bool(text_at(document, "schema_version"))
        or bool(text_at(document, "modified"))
    )


# The first that recognises a document wins: those with an unmistakable mark come first, OSV last.
FORMATS = (
    Format(
        "CycloneDX",
        ("bomFormat", "$schema"),
        _is_cyclonedx,
        _cyclonedx_kind,
        lambda document: text_at(document, "serialNumber"),
        lambda document: (at(document, "metadata", "timestamp"),),
    ),
    Format(
        "SPDX 2",
        ("spdxVersion", "SPDXID"),
        _is_spdx,
        _always(SBOM),
        lambda document: text_at(document, "documentNamespace"),
        lambda document: (at(document, "creationInfo", "created"),),
    ),
    Format("SPDX 3", ("@graph",), _is_spdx3, _always(SBOM), _spdx3_id, _spdx3_times),
    Format(
        "OpenVEX",
        ("@context",),
        _is_openvex,
        _always(VEX),
        lambda document: text_at(document, "@id"),
        lambda document: (document.get("timestamp"), document.get("last_updated")),
    ),
    Format(
        "CSAF 2.0",
        ("document",),
        _is_csaf,
        _csaf_kind,
        lambda document: text_at(document, "document", "tracking", "id"),
        lambda document: (at(document, "document", "tracking", "current_release_date"),),
    ),
    Format(
        "CVE JSON 5",
        ("cveMetadata",),
        _is_cve,
        _always(ADVISORY),
        lambda document: text_at(document, "cveMetadata", "cveId"),
        lambda document: (at(document, "cveMetadata", "dateUpdated"),),
    ),
    Format(
        "KEV",
        ("cveID",),
        _is_kev_entry,
        _always(ADVISORY),
        lambda document: text_at(document, "cveID"),
        lambda document: (document.get("dateAdded"), document.get("dateReleased")),
    ),
    Format(
        "Grype",
        ("matches",),
        _is_grype,
        _always(FINDING),
        _no_id,
        lambda document: (at(document, "descriptor", "timestamp"),),
    ),
    Format("SARIF", ("runs",), _is_sarif, _always(FINDING), _no_id, _sarif_times),
    Format("OSV-Scanner", ("results",), _is_osv_scanner, _always(FINDING), _no_id, lambda _document: ()),
    Format(
        "OSV",
        ("id",),
        _is_osv,
        _always(ADVISORY),
        lambda document: text_at(document, "id"),
        lambda document: (document.get("modified"),),
    ),
)


_MARKED = tuple((mark, known) for known in FORMATS for mark in known.marks)


def recognise(document: object) -> Format | None:
    """Return the format of a document, or None."""
    if not isinstance(document, dict):
        return None
    for mark, known in _MARKED:
        if mark in document and known.recognise(document):
            return known
    return None


def is_kev_catalogue(document: object) -> bool:
    """Say whether a document is the KEV catalogue, which holds one record in each entry."""
    entries = at(document, "vulnerabilities")
    return (
        isinstance(document, dict)
        and "catalogVersion" in document
        and isinstance(entries, list)
        and all(isinstance(entry, dict) and _is_kev_entry(entry) for entry in entries)
    )
