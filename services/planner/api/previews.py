"""Shows previews as the contract's messages."""

from __future__ import annotations

from stellaops.export.v1 import runs_pb2

from libs.common.names import profile_name, run_name
from services.planner.previewing import DatasetPreview, Preview
from services.planner.profiles.revisions import revision_id
from services.planner.wire.spec import kind_number
from services.planner.wire.work import input_message


def preview_message(preview: Preview) -> runs_pb2.RunPlan:
    """Return a preview as a message."""
    facts = preview.prepared.facts
    return runs_pb2.RunPlan(
        profile=profile_name(facts.tenant, facts.profile),
        revision=revision_id(facts.revision),
        export_id=facts.export_id,
        inputs=[input_message(preview.prepared.snapshot.pin)],
        datasets=[_dataset(dataset) for dataset in preview.datasets],
        shards=preview.shards,
        previous_run=run_name(facts.tenant, preview.previous) if preview.previous else "",
        unchanged=preview.unchanged,
    )


def _dataset(preview: DatasetPreview) -> runs_pb2.PlannedDataset:
    dataset = preview.dataset
    return runs_pb2.PlannedDataset(
        kind=kind_number(dataset.kind),
        source=dataset.source,
        records=dataset.records,
        segments=dataset.segments,
        segments_new=preview.segments_new,
        plain_bytes=dataset.plain_bytes,
    )
