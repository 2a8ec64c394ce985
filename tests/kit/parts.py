"""Makes what shards make, and the words of a planner, for tests of the assembly."""

from __future__ import annotations

from collections.abc import Iterable

from stellaops.export.v1.digests_pb2 import Codec
from stellaops.export.v1.runs_pb2 import RunInput
from stellaops.export.v1.selectors_pb2 import Selector
from stellaops.export.work.v1.work_pb2 import AdaptSpec, ManifestHeader, Part

from libs.common.digests import sha256_digest
from libs.common.segments.cut import Record, cut, is_part_start
from libs.common.segments.frame import library_version, make_frame
from libs.common.segments.plain import plain_documents, plain_sources
from services.adapter_host.adapters.base import Batch
from services.adapter_host.derive import Kept, Loaded
from services.adapter_host.evidence import KeyRange
from services.adapter_host.messages import KIND_NUMBERS
from services.adapter_host.parts import PartHash, describe

LEVEL = 3


def made_parts(kind: str, source: str, records: Iterable[Record]) -> list[tuple[Part, Part]]:
    """Return the parts that a shard over these records makes."""
    groups: list[list[Loaded]] = []
    for segment in cut(kind, records):
        if not groups or is_part_start(kind, segment[0].key):
            groups.append([])
        groups[-1].append(_loaded(segment))
    return [_part(kind, source, group) for group in groups]


def _loaded(records: list[Record]) -> Loaded:
    batch = Batch(plain_documents(records), plain_sources(records))
    documents, stored_documents = make_frame(batch.documents, LEVEL)
    sources, stored_sources = make_frame(batch.sources, LEVEL)
    kept = Kept(records[0].key, len(records), documents, sources)
    return Loaded(kept, stored_documents, stored_sources)


def _part(kind: str, source: str, group: list[Loaded]) -> tuple[Part, Part]:
    hasher = PartHash()
    for loaded in group:
        hasher.add(loaded)
    return describe(KeyRange(kind, source, b"", b""), [loaded.kept for loaded in group], hasher.digests())


def spec(selector: Selector | None = None, include: Iterable[str] = ("sbom", "vex")) -> AdaptSpec:
    """Return a spec for `json:raw`."""
    return AdaptSpec(
        kind="json",
        variant="raw",
        version="1.0.0",
        codec=Codec(name="zstd", level=LEVEL, library=library_version()),
        selector=selector,
        snapshot_id="snapshot-1",
        include=[KIND_NUMBERS[kind] for kind in include],
    )


def header() -> ManifestHeader:
    """Return what a planner knows of a run."""
    made = ManifestHeader(
        export_id="0123456789abcdef0123456789abcdef01234567",
        profile="nightly",
        revision="r3",
        inputs=[RunInput(system="ledger", snapshot_id="s", digest=sha256_digest(b"s"), records=42)],
    )
    made.generated_at.FromJsonString("2024-05-06T07:08:09.5Z")
    made.inputs[0].as_of.FromJsonString("2024-05-06T07:08:09.5Z")
    return made
