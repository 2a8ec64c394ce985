"""Specs: their one JSON form and their digest."""

from __future__ import annotations

import hashlib

from services.planner.profiles.spec import (
    DEFAULT_COMPRESSION_LEVEL,
    ProfileSpec,
    Selector,
    SpecTarget,
    spec_digest,
    spec_document,
    spec_from_document,
    spec_json,
)

FULL = ProfileSpec(
    "json",
    "raw",
    include=("advisory", "vex"),
    selector=Selector(
        ("a", "b"), ("Go",), ("p*",), ("CVE-1",), "2026-01-01T00:00:00Z", "2026-02-01T00:00:00Z"
    ),
    compression_level=9,
    targets=(SpecTarget("east", "http"), SpecTarget("west", "http")),
)


def test_a_spec_comes_back_from_its_json_form() -> None:
    assert spec_from_document(spec_document(FULL)) == FULL


def test_fields_that_are_not_set_are_left_out() -> None:
    assert spec_json(ProfileSpec("json", "raw")) == b'{"kind":"json","variant":"raw"}'


def test_the_digest_is_over_the_canonical_json() -> None:
    expected = hashlib.sha256(b'{"kind":"json","variant":"raw"}').hexdigest()
    assert spec_digest(ProfileSpec("json", "raw")) == f"sha256:{expected}"


def test_lists_are_sets() -> None:
    one = ProfileSpec("json", "raw", include=("vex", "advisory"), selector=Selector(ids=("b", "a")))
    other = ProfileSpec("json", "raw", include=("advisory", "vex"), selector=Selector(ids=("a", "b")))
    assert one.normalised() == other.normalised()


def test_the_order_of_targets_says_nothing() -> None:
    turned = ProfileSpec("json", "raw", targets=(SpecTarget("west", "http"), SpecTarget("east", "http")))
    assert turned.normalised().targets == FULL.targets


def test_no_compression_level_means_the_default_one() -> None:
    assert ProfileSpec("json", "raw").effective_level == DEFAULT_COMPRESSION_LEVEL
    assert FULL.effective_level == 9
