"""A spec's faults are named by field, with what would be right."""

from __future__ import annotations

import pytest

from services.adapter_host.adapters.base import Spec
from services.adapter_host.adapters.json_raw.adapter import ADAPTER
from services.adapter_host.adapters.json_raw.patterns import MAX_WILDCARD_ENTRIES
from services.adapter_host.selection import Selection


def fields(selection: Selection) -> list[str]:
    return [fault.field for fault in ADAPTER.validate(Spec((), selection))]


@pytest.mark.parametrize(
    "selection",
    [
        Selection(),
        Selection(
            packages=("lodash", "@scope/*", "pkg:npm/lodash", "pkg:golang/k8s.io/*", "pkg:*", "pkg:np*")
        ),
        Selection(
            ecosystems=("AlmaLinux:9", "Packagist:https://packages.drupal.org/8"),
            ids=("CVE-2024-1", "ghsa-x"),
        ),
        Selection(modified_since=1, modified_until=2),
    ],
)
def test_a_good_selector_has_no_fault(selection: Selection) -> None:
    assert fields(selection) == []


@pytest.mark.parametrize(
    ("selection", "field"),
    [
        (Selection(ids=("CVE-1", " CVE-2")), "spec.selector.ids[1]"),
        (Selection(ids=("cve-2024-1",)), "spec.selector.ids[0]"),
        (Selection(ecosystems=("Alma*",)), "spec.selector.ecosystems[0]"),
        (Selection(packages=("a", "pkg:npm")), "spec.selector.packages[1]"),
        (Selection(packages=("pkg:/a",)), "spec.selector.packages[0]"),
        (
            Selection(packages=tuple(f"{n}*" for n in range(MAX_WILDCARD_ENTRIES + 1))),
            "spec.selector.packages",
        ),
        (Selection(modified_since=2, modified_until=2), "spec.selector.modified_until"),
    ],
)
def test_a_fault_names_its_field(selection: Selection, field: str) -> None:
    assert fields(selection) == [field]
