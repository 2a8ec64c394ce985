"""Messages to workers: ids, subjects, contents."""

from __future__ import annotations

from dataclasses import replace

import pytest
from stellaops.export.v1.selectors_pb2 import RecordKind
from stellaops.export.work.v1 import work_pb2

from libs.common.digests import Digest
from libs.common.errors import TooLarge
from services.planner.profiles.spec import ProfileSpec, Selector
from services.planner.runs.evidence import Dataset, Snapshot
from services.planner.runs.facts import Facts, Kept
from services.planner.runs.plan import AdapterVersion, Codec, KeyRange
from services.planner.runs.values import BlobRef, State
from services.planner.wire import work
from tests.kit.machine import NOW, run_in

DIGEST = "sha256:" + "ab" * 32
FACTS = Facts(
    tenant="acme",
    id="run-000001",
    profile="nightly",
    profile_uid="uid",
    revision=2,
    spec=ProfileSpec("json", "raw", include=("advisory", "vex"), selector=Selector(ids=("CVE-1",))),
    selector=Selector(),
    adapter=AdapterVersion("1.0.0", "https://example.org/v1"),
    codec=Codec(3, "1.5.7"),
    snapshot_id="snapshot-1",
    plan_digest=Digest(DIGEST),
    actor="ada",
    trace="",
    created=NOW,
)
KEPT = Kept(FACTS, run_in(State.DISTRIBUTING), 5, FACTS.created)
SNAPSHOT = Snapshot(
    "snapshot-1",
    DIGEST,
    "2026-01-02T03:04:05.123456789Z",
    (Dataset("advisory", "osv-go", 10, 2, 1000, DIGEST, ""),),
)


def test_message_ids_are_made_of_run_attempt_and_item() -> None:
    assert work.plan_work(KEPT, 1).id == "plan-run-000001-1"
    assert work.adapt_work(KEPT, 7, [], 1).id == "adapt-run-000001-1-7"
    assert work.assemble_work(KEPT, [], SNAPSHOT, 1).id == "assemble-run-000001-1"
    assert work.sign_work(KEPT, SNAPSHOT, 1).id == "sign-run-000001-1"
    assert work.distribute_work(KEPT, "mirror", 1).id == "distribute-run-000001-1-mirror"


def test_asking_again_has_an_id_of_its_own() -> None:
    again = work.adapt_work(KEPT, 7, [], 2)
    assert again.id == "adapt-run-000001-1-7-n2"
    assert work_pb2.AdaptWork.FromString(again.payload).context.number == 2


def test_subjects_name_adapter_and_driver() -> None:
    assert work.adapt_work(KEPT, 0, [], 1).subject == "export.work.adapt.json.raw"
    assert work.assemble_work(KEPT, [], SNAPSHOT, 1).subject == "export.work.assemble.json.raw"
    assert work.distribute_work(KEPT, "mirror", 1).subject == "export.work.distribute.http"


def test_a_shard_says_all_that_its_worker_needs() -> None:
    ranges = [KeyRange("vex", "vendor", b"a", b"m")]
    message = work_pb2.AdaptWork.FromString(work.adapt_work(KEPT, 3, ranges, 1).payload)
    assert (message.context.tenant, message.context.run, message.context.attempt) == ("acme", "run-000001", 1)
    assert (message.shard, message.spec.snapshot_id, message.spec.version) == (3, "snapshot-1", "1.0.0")
    assert list(message.spec.selector.ids) == ["CVE-1"]
    assert list(message.spec.include) == [RecordKind.RECORD_KIND_ADVISORY, RecordKind.RECORD_KIND_VEX]
    assert (message.spec.codec.name, message.spec.codec.level, message.spec.codec.library) == (
        "zstd",
        3,
        "1.5.7",
    )
    assert (message.ranges[0].start, message.ranges[0].end) == (b"a", b"m")


def test_times_of_the_evidence_lose_nothing() -> None:
    message = work_pb2.AssembleWork.FromString(work.assemble_work(KEPT, [], SNAPSHOT, 1).payload)
    assert message.header.generated_at.ToJsonString() == SNAPSHOT.as_of
    assert message.header.inputs[0].as_of.ToJsonString() == SNAPSHOT.as_of


def test_the_header_names_the_export_by_its_plan() -> None:
    header = work_pb2.AssembleWork.FromString(work.assemble_work(KEPT, [], SNAPSHOT, 1).payload).header
    assert (header.export_id, header.profile, header.revision) == ("ab" * 20, "nightly", "r2")


def test_materials_are_the_snapshot_and_its_datasets() -> None:
    message = work_pb2.SignWork.FromString(work.sign_work(KEPT, SNAPSHOT, 1).payload)
    assert [(material.name, material.uri) for material in message.materials] == [
        ("ledger", "urn:stellaops:evidence"),
        ("ledger/advisory/osv-go", "urn:stellaops:evidence:advisory:osv-go"),
    ]


def test_a_message_that_the_bus_would_not_take_is_refused() -> None:
    huge = replace(FACTS, spec=ProfileSpec("json", "raw", selector=Selector(ids=("x" * 10**6,))))
    with pytest.raises(TooLarge, match="adapt-run-000001-1-0"):
        work.adapt_work(replace(KEPT, facts=huge), 0, [], 1)


def test_the_largest_assembly_fits() -> None:
    outputs = [BlobRef(DIGEST, 10**9)] * 8_031
    spec = ProfileSpec("json", "raw", selector=Selector(packages=("x" * 500,) * 250))
    kept = replace(KEPT, facts=replace(FACTS, spec=spec))
    assert len(work.assemble_work(kept, outputs, SNAPSHOT, 1).payload) < work.MAX_MESSAGE_BYTES
