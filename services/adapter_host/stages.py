"""The two stages that this service works on: from a work message to what its result says."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from prometheus_client import REGISTRY, CollectorRegistry
from stellaops.export.v1.digests_pb2 import BlobRef
from stellaops.export.work.v1.work_pb2 import (
    AdaptResult,
    AdaptSpec,
    AdaptWork,
    AssembleResult,
    AssembleWork,
    ShardDone,
)
from stellaops.export.work.v1.work_pb2 import Assembled as AssembledMessage

from libs.common.blobs.store import Blob, Blobs
from libs.common.bus.subjects import RESULT_ADAPT, RESULT_ASSEMBLE
from libs.common.errors import InvalidField
from libs.common.metrics import SegmentMetrics
from services.adapter_host.adapters.base import Adapter, Spec
from services.adapter_host.assembly import run_assembly
from services.adapter_host.evidence import Snapshot
from services.adapter_host.host import run_shard
from services.adapter_host.installed import choose, require_version
from services.adapter_host.messages import codec_of, key_range_of, kind_names, selection_of
from services.adapter_host.orders import ShardOrder
from services.adapter_host.sources.ledger import Ledger

Fields = dict[str, Any]


class AdaptStage:
    """Makes one shard."""

    name = "adapt"
    result_subject = RESULT_ADAPT

    def __init__(
        self,
        adapters: Mapping[str, Adapter],
        ledger: Ledger,
        blobs: Blobs,
        worker: str,
        registry: CollectorRegistry = REGISTRY,
    ) -> None:
        self._adapters = adapters
        self._ledger = ledger
        self._blobs = blobs
        self._worker = worker
        self._metrics = SegmentMetrics(registry)

    def read(self, payload: bytes) -> AdaptWork:
        """Return the work of a message."""
        return AdaptWork.FromString(payload)

    def item(self, work: AdaptWork) -> str:
        """Return what tells this work from the run's other work of the stage."""
        return f"-{work.shard}"

    def answer(self, work: AdaptWork) -> AdaptResult:
        """Return a result that says as yet only what it answers."""
        return AdaptResult(context=work.context, shard=work.shard, worker=self._worker)

    async def do(self, work: AdaptWork, result: AdaptResult, line: Fields) -> None:
        """Do the work, and say in `result` what came of it and in `line` what the log should tell."""
        made = await run_shard(self._order(work), self._ledger, self._blobs)
        result.done.CopyFrom(
            ShardDone(
                output=_reference(made.output),
                records=made.records,
                plain_bytes=made.plain_bytes,
                stored_bytes=made.stored_bytes,
                segments=made.segments,
                segments_reused=made.segments_reused,
            )
        )
        self._metrics.made(work.spec.kind, work.spec.variant, made.segments, made.segments_reused)
        line |= {"shard": work.shard, "records": made.records, "bytes": made.stored_bytes}
        line |= {"segments": made.segments, "segments_reused": made.segments_reused}

    def _order(self, work: AdaptWork) -> ShardOrder:
        spec = work.spec
        adapter = _adapter(self._adapters, spec)
        selection = selection_of(spec.selector)
        faults = adapter.validate(Spec(kind_names("spec.include", spec.include), selection))
        if faults:
            raise InvalidField(field=faults[0].field, reason=faults[0].description)
        ranges = [key_range_of(f"ranges[{number}]", one) for number, one in enumerate(work.ranges)]
        return ShardOrder(
            Snapshot(work.context.tenant, spec.snapshot_id),
            tuple(ranges),
            adapter.transform(selection),
            codec_of(spec.codec),
        )


class AssembleStage:
    """Makes one bundle of its shards."""

    name = "assemble"
    result_subject = RESULT_ASSEMBLE

    def __init__(self, adapters: Mapping[str, Adapter], blobs: Blobs) -> None:
        self._adapters = adapters
        self._blobs = blobs

    def read(self, payload: bytes) -> AssembleWork:
        """Return the work of a message."""
        return AssembleWork.FromString(payload)

    def item(self, work: AssembleWork) -> str:  # noqa: ARG002 - a run has one assembly
        """Return what tells this work from the run's other work of the stage: nothing."""
        return ""

    def answer(self, work: AssembleWork) -> AssembleResult:
        """Return a result that says as yet only what it answers."""
        return AssembleResult(context=work.context)

    async def do(self, work: AssembleWork, result: AssembleResult, line: Fields) -> None:
        """Do the work, and say in `result` what came of it and in `line` what the log should tell."""
        about = _adapter(self._adapters, work.spec).about
        made = await run_assembly(
            work.context.tenant, about, work.spec, work.header, work.shards, self._blobs
        )
        result.done.CopyFrom(
            AssembledMessage(
                manifest=_reference(made.manifest),
                layout=_reference(made.layout),
                files=made.files,
                bytes=made.bytes,
            )
        )
        line |= {"files": made.files, "bytes": made.bytes, "manifest": made.manifest.digest}


def _adapter(adapters: Mapping[str, Adapter], spec: AdaptSpec) -> Adapter:
    adapter = choose(adapters, spec.kind, spec.variant)
    require_version(adapter, spec.version)
    return adapter


def _reference(blob: Blob) -> BlobRef:
    return BlobRef(digest=blob.digest, bytes=blob.size)
