"""Names the fields of a spec that keep the contract's rules and yet would select nothing, or too slowly."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from services.adapter_host.adapters.base import Fault, Spec
from services.adapter_host.adapters.json_raw.patterns import MAX_WILDCARD_ENTRIES, WILDCARD
from services.adapter_host.adapters.json_raw.purls import SCHEME
from services.adapter_host.selection import Selection

_SELECTOR = "spec.selector"
_PURL = re.compile(r"pkg:([a-z][a-z0-9.+-]*/[^/].*|[a-z0-9.+-]*\*.*)")
_LOWER_CASE_CVE = re.compile(r"cve-[0-9]{4}-.*")


def faults(spec: Spec) -> tuple[Fault, ...]:
    """Return one fault for each field that is wrong; none when the spec is valid."""
    selection = spec.selection
    return (
        *_spaces("ecosystems", selection.ecosystems),
        *_spaces("packages", selection.packages),
        *_spaces("ids", selection.ids),
        *_ecosystems(selection.ecosystems),
        *_packages(selection.packages),
        *_ids(selection.ids),
        *_wildcards("packages", selection.packages),
        *_wildcards("ids", selection.ids),
        *_times(selection),
    )


def _entry(name: str, position: int) -> str:
    return f"{_SELECTOR}.{name}[{position}]"


def _spaces(name: str, entries: Sequence[str]) -> Iterator[Fault]:
    for position, entry in enumerate(entries):
        if entry != entry.strip():
            yield Fault(
                _entry(name, position), "it begins or ends with a space; entries are compared exactly"
            )


def _ecosystems(entries: Sequence[str]) -> Iterator[Fault]:
    for position, entry in enumerate(entries):
        if WILDCARD in entry:
            yield Fault(
                _entry("ecosystems", position),
                "ecosystems have no `*`; an entry selects suffixed forms too, `AlmaLinux` also `AlmaLinux:9`",
            )


def _packages(entries: Sequence[str]) -> Iterator[Fault]:
    for position, entry in enumerate(entries):
        if entry.startswith(SCHEME) and not _PURL.fullmatch(entry):
            yield Fault(
                _entry("packages", position),
                "a package URL has a type and a name, such as `pkg:npm/lodash` or `pkg:golang/k8s.io/*`",
            )


def _ids(entries: Sequence[str]) -> Iterator[Fault]:
    for position, entry in enumerate(entries):
        if _LOWER_CASE_CVE.fullmatch(entry):
            yield Fault(
                _entry("ids", position), f"case counts, and CVE ids are in capitals; write `{entry.upper()}`"
            )


def _wildcards(name: str, entries: Sequence[str]) -> Iterator[Fault]:
    count = sum(WILDCARD in entry for entry in entries)
    if count > MAX_WILDCARD_ENTRIES:
        yield Fault(
            f"{_SELECTOR}.{name}",
            f"{count} entries have a `*`, at most {MAX_WILDCARD_ENTRIES} may: each is tried on every name; "
            "write the others out or join them",
        )


def _times(selection: Selection) -> Iterator[Fault]:
    since, until = selection.modified_since, selection.modified_until
    if since is not None and until is not None and since >= until:
        yield Fault(
            f"{_SELECTOR}.modified_until",
            "it is not after `modified_since`, so nothing can be selected; give a later time",
        )
