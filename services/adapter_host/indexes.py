"""Makes the index of each kind of evidence: which segments stand where in which file."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from stellaops.export.bundle.v1.index_pb2 import Index, IndexPart, IndexSegment
from stellaops.export.work.v1.work_pb2 import Part

from libs.common.bundle import layout
from libs.common.bundle.manifest import INDEX_SCHEMA
from libs.common.errors import Internal
from services.adapter_host.messages import KIND_NAMES


def make_indexes(parts: Iterable[Part]) -> dict[str, Index]:
    """Return the index of each kind that there are parts of, by path in the bundle."""
    pairs = _pairs(parts)
    found: dict[str, Index] = {}
    for documents, sources in sorted(pairs, key=_place):
        kind = KIND_NAMES[documents.kind]
        path = layout.index_path(kind)
        index = found.setdefault(path, Index(schema=INDEX_SCHEMA, kind=kind))
        index.parts.append(_index_part(documents, sources))
    return found


def _pairs(parts: Iterable[Part]) -> list[tuple[Part, Part]]:
    """Return each file of documents with its companion."""
    documents: list[Part] = []
    companions: dict[str, Part] = {}
    for part in parts:
        if part.role == layout.DOCUMENTS:
            documents.append(part)
        else:
            companions[part.path] = part
    pairs = [(part, companions.pop(layout.companion_path(part.path), part)) for part in documents]
    alone = [one.path for one, other in pairs if one is other] + sorted(companions)
    if alone:
        raise Internal(
            part="the assembly", reason=f"`{alone[0]}` is there without its documents or companion"
        )
    return pairs


def _place(pair: tuple[Part, Part]) -> tuple[str, str, bytes]:
    documents = pair[0]
    return KIND_NAMES[documents.kind], documents.source, documents.segments[0].first_key


def _index_part(documents: Part, sources: Part) -> IndexPart:
    return IndexPart(
        source=documents.source,
        path=documents.path,
        sources_path=sources.path,
        records=documents.records,
        segments=_index_segments(documents, sources),
    )


def _index_segments(documents: Part, sources: Part) -> Sequence[IndexSegment]:
    segments: list[IndexSegment] = []
    offset = sources_offset = 0
    for one, other in zip(documents.segments, sources.segments, strict=True):
        segments.append(
            IndexSegment(
                first_key=one.first_key.decode("utf-8"),
                records=one.records,
                offset=offset,
                bytes=one.stored_bytes,
                plain_digest=one.plain_digest,
                plain_bytes=one.plain_bytes,
                sources_offset=sources_offset,
                sources_bytes=other.stored_bytes,
                sources_plain_digest=other.plain_digest,
            )
        )
        offset += one.stored_bytes
        sources_offset += other.stored_bytes
    return segments
