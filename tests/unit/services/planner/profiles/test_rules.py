"""Whether a spec may be saved."""

from __future__ import annotations

import pytest

from services.planner.profiles.rules import MAX_SPEC_BYTES, faults
from services.planner.profiles.spec import ProfileSpec, Selector, SpecTarget

DRIVERS = frozenset({"http"})


def fields(**spec: object) -> list[str]:
    made = ProfileSpec("json", "raw", **spec)  # type: ignore[arg-type] # fields of the spec
    return [fault.field for fault in faults(made, DRIVERS)]


def test_a_plain_spec_is_valid() -> None:
    assert fields(targets=(SpecTarget("mirror", "http"),)) == []


def test_the_download_target_is_reserved() -> None:
    assert fields(targets=(SpecTarget("download", "http"),)) == ["spec.targets[0].id"]


def test_target_ids_are_unique() -> None:
    twice = (SpecTarget("a", "http"), SpecTarget("b", "http"), SpecTarget("a", "http"))
    assert fields(targets=twice) == ["spec.targets[0].id", "spec.targets[2].id"]


def test_a_driver_must_be_served() -> None:
    assert fields(targets=(SpecTarget("a", "carrier-pigeon"),)) == ["spec.targets[0].driver"]


def test_control_characters_are_refused() -> None:
    assert fields(selector=Selector(ids=("CVE-1", "CVE\x00"))) == ["spec.selector.ids[1]"]


@pytest.mark.parametrize(
    ("since", "until", "valid"),
    [
        ("2026-01-01T00:00:00Z", "2026-01-01T00:00:01Z", True),
        ("2026-01-01T00:00:00Z", "2026-01-01T00:00:00.5Z", True),
        ("2026-01-01T00:00:00.250Z", "2026-01-01T00:00:00.5Z", True),
        ("2026-01-01T00:00:00Z", "2026-01-01T00:00:00Z", False),
        ("2026-01-02T00:00:00Z", "2026-01-01T00:00:00Z", False),
        ("2026-01-01T00:00:00.5Z", "2026-01-01T00:00:00Z", False),
        ("", "2026-01-01T00:00:00Z", True),
    ],
)
def test_a_time_window_must_not_be_empty(since: str, until: str, valid: bool) -> None:
    found = fields(selector=Selector(modified_since=since, modified_until=until))
    assert found == ([] if valid else ["spec.selector.modified_until"])


def test_a_spec_must_fit_into_a_work_message() -> None:
    huge = tuple(f"{'x' * 500}{number}" for number in range(MAX_SPEC_BYTES // 500))
    assert fields(selector=Selector(packages=huge)) == ["spec"]


def test_a_fault_says_what_would_be_right() -> None:
    made = ProfileSpec("json", "raw", targets=(SpecTarget("a", "oci"),))
    assert [fault.reason for fault in faults(made, DRIVERS)] == [
        "no driver `oci` is installed; there are: `http`"
    ]
