"""Knows where documents state ids, names, ecosystems and times: one table of places for all formats.

A format that does not state a fact has none of its places, so it yields nothing.
"""

from __future__ import annotations

from collections.abc import Iterator

EACH = "*"  # every entry of a list
NESTED = "**"  # every entry of a list, and of the lists of that name within the entries
Path = tuple[str, ...]

IDS: tuple[Path, ...] = (
    ("id",),  # OSV
    ("aliases", EACH),
    ("cveMetadata", "cveId"),  # CVE JSON 5
    ("cveID",),  # KEV
    ("document", "tracking", "id"),  # CSAF
    ("document", "tracking", "aliases", EACH),
    ("vulnerabilities", EACH, "cve"),
    ("vulnerabilities", EACH, "ids", EACH, "text"),
    ("@id",),  # OpenVEX
    ("statements", EACH, "vulnerability"),
    ("statements", EACH, "vulnerability", "@id"),
    ("statements", EACH, "vulnerability", "name"),
    ("statements", EACH, "vulnerability", "aliases", EACH),
    ("serialNumber",),  # CycloneDX
    ("vulnerabilities", EACH, "id"),
    ("documentNamespace",),  # SPDX 2
    ("matches", EACH, "vulnerability", "id"),  # Grype
    ("matches", EACH, "relatedVulnerabilities", EACH, "id"),
    ("results", EACH, "packages", EACH, "vulnerabilities", EACH, "id"),  # OSV-Scanner
    ("results", EACH, "packages", EACH, "vulnerabilities", EACH, "aliases", EACH),
)
NAMES: tuple[Path, ...] = (
    ("affected", EACH, "package", "name"),  # OSV
    ("containers", "cna", "affected", EACH, "packageName"),  # CVE JSON 5
    ("metadata", "component", "name"),  # CycloneDX
    ("components", NESTED, "name"),
    ("packages", EACH, "name"),  # SPDX 2
    ("matches", EACH, "artifact", "name"),  # Grype
    ("results", EACH, "packages", EACH, "package", "name"),  # OSV-Scanner
)
PACKAGES: tuple[Path, ...] = (  # stated by `ecosystem` and `name`
    ("affected", EACH, "package"),  # OSV
    ("results", EACH, "packages", EACH, "package"),  # OSV-Scanner
)
ECOSYSTEMS: tuple[Path, ...] = tuple((*path, "ecosystem") for path in PACKAGES)
TIMES: tuple[Path, ...] = (
    ("modified",),  # OSV
    ("cveMetadata", "dateUpdated"),  # CVE JSON 5
    ("dateAdded",),  # KEV
    ("document", "tracking", "current_release_date"),  # CSAF
    ("timestamp",),  # OpenVEX
    ("last_updated",),
    ("statements", EACH, "timestamp"),
    ("statements", EACH, "last_updated"),
    ("metadata", "timestamp"),  # CycloneDX
    ("creationInfo", "created"),  # SPDX 2
    ("@graph", EACH, "created"),  # SPDX 3
    ("descriptor", "timestamp"),  # Grype
    ("runs", EACH, "invocations", EACH, "endTimeUtc"),  # SARIF
)


def texts_at(document: object, paths: tuple[Path, ...]) -> Iterator[str]:
    """Yield every text that stands at one of the paths."""
    return (value for value in values_at(document, paths) if isinstance(value, str))


def values_at(document: object, paths: tuple[Path, ...]) -> Iterator[object]:
    """Yield everything that stands at one of the paths."""
    for path in paths:
        yield from _values_at(document, path)


def _values_at(document: object, path: Path) -> list[object]:
    values = [document]
    for position, step in enumerate(path):
        if step == EACH:
            values = [entry for value in values if isinstance(value, list) for entry in value]
        elif step == NESTED:
            values = _nested(values, path[position - 1])
        else:
            values = [value[step] for value in values if isinstance(value, dict) and step in value]
        if not values:
            break
    return values


def _nested(lists: list[object], member: str) -> list[object]:
    """Return the entries of the lists and, without recursion, of the lists at `member` within them."""
    found: list[object] = []
    waiting = list(lists)
    while waiting:
        value = waiting.pop()
        if isinstance(value, list):
            found += value
            waiting += [entry[member] for entry in value if isinstance(entry, dict) and member in entry]
    return found
