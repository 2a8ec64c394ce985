"""What every adapter must keep to, whoever wrote it: this file is the specification."""

from __future__ import annotations

import re

import pytest

from libs.common.bundle import layout
from libs.common.bus import subjects
from libs.common.digests import parse_digest
from services.adapter_host.adapters.base import Adapter, Batch, Spec
from services.adapter_host.installed import installed_adapters
from services.adapter_host.selection import Selection
from tests.kit.upstream import made_up

KINDS = ("advisory", "vex", "sbom", "finding")
SELECTIONS = (
    Selection(),
    Selection(ids=("key-1",)),
    Selection(ids=("key-*",)),
    Selection(ids=("no such id",)),
    Selection(ecosystems=("Go",)),
    Selection(packages=("pkg:npm/*", "lodash")),
    Selection(modified_since=0, modified_until=10**18),
)
DOCUMENTS: tuple[object, ...] = (
    {"id": "key-0", "affected": [{"package": {"ecosystem": "Go", "name": "a"}}]},
    {"id": "key-1", "modified": "2001-01-01T00:00:00Z"},
    {"purl": "pkg:npm/lodash@1"},
    {},
    [],
    {"affected": None, "aliases": 7, "modified": {}, "components": [[[]], None]},
)
RECORDS = [made_up(f"key-{number}", document) for number, document in enumerate(DOCUMENTS)]
BATCH = Batch(
    b"".join(record.document + b"\n" for record in RECORDS),
    b"".join(record.source + b"\n" for record in RECORDS),
)
ADAPTERS = installed_adapters()


@pytest.fixture(params=ADAPTERS.values(), ids=list(ADAPTERS))
def adapter(request: pytest.FixtureRequest) -> Adapter:
    found: Adapter = request.param
    return found


@pytest.fixture(params=SELECTIONS, ids=str)
def selection(request: pytest.FixtureRequest) -> Selection:
    found: Selection = request.param
    return found


def applied(adapter: Adapter, selection: Selection, batch: Batch = BATCH) -> Batch:
    transform = adapter.transform(selection)
    return batch if transform is None else transform.apply(batch)


def test_it_says_what_it_is_in_the_forms_of_the_contracts(adapter: Adapter) -> None:
    about = adapter.about
    assert re.fullmatch(r"[a-z][a-z0-9]{0,31}", about.kind)
    assert re.fullmatch(r"[a-z][a-z0-9-]{0,31}", about.variant)
    assert re.fullmatch(r"[0-9]+\.[0-9]+\.[0-9]+", about.version)
    assert about.schema.startswith("https://")
    assert about.description.endswith(".")
    assert subjects.work_adapt(about.kind, about.variant)


def test_it_includes_kinds_that_a_bundle_has_a_place_for(adapter: Adapter) -> None:
    include = adapter.about.default_include
    assert include
    assert len(set(include)) == len(include)
    assert set(include) <= set(layout.RECORD_FOLDERS) == set(KINDS)


def test_a_spec_that_asks_for_everything_is_valid(adapter: Adapter) -> None:
    assert list(adapter.validate(Spec((), Selection()))) == []


def test_a_fault_names_a_field_of_the_spec_and_what_would_be_right(adapter: Adapter) -> None:
    faults = adapter.validate(Spec((), Selection(modified_since=2, modified_until=1)))
    assert faults
    for fault in faults:
        assert re.fullmatch(r"spec(\.[a-z_]+(\[[0-9]+\])?)+", fault.field)
        assert fault.description


def test_equal_selections_have_equal_digests_and_others_have_others(adapter: Adapter) -> None:
    digests = []
    for selection in SELECTIONS:
        one, other = adapter.transform(selection), adapter.transform(selection)
        if one is not None and other is not None:
            assert one.digest == other.digest == parse_digest(one.digest)
            digests.append(one.digest)
    assert len(set(digests)) == len(digests)


def test_the_same_batch_gives_the_same_result(adapter: Adapter, selection: Selection) -> None:
    assert applied(adapter, selection) == applied(adapter, selection)


def test_documents_and_sources_keep_step_and_end_with_a_newline(
    adapter: Adapter, selection: Selection
) -> None:
    left = applied(adapter, selection)
    assert left.documents.count(b"\n") == left.sources.count(b"\n")
    for plain in (left.documents, left.sources):
        assert not plain or plain.endswith(b"\n")


def test_records_keep_their_order(adapter: Adapter, selection: Selection) -> None:
    before, after = BATCH.sources.splitlines(), applied(adapter, selection).sources.splitlines()
    assert after == [line for line in before if line in after]


def test_what_is_done_to_two_segments_is_what_is_done_to_each(adapter: Adapter, selection: Selection) -> None:
    one_by_one = [
        applied(adapter, selection, Batch(record.document + b"\n", record.source + b"\n"))
        for record in RECORDS
    ]
    assert applied(adapter, selection) == Batch(
        b"".join(left.documents for left in one_by_one), b"".join(left.sources for left in one_by_one)
    )
