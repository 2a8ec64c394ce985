"""Decides whether an index is in itself sound and agrees with the manifest, before any part is read."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence

from stellaops.export.bundle.v1.index_pb2 import Index, IndexPart, IndexSegment
from stellaops.export.bundle.v1.manifest_pb2 import ManifestContent

from libs.common.bundle import layout
from libs.common.bundle.faults import BadPath, shown
from libs.common.bundle.manifest import INDEX_SCHEMA, MAX_FAULTS
from libs.common.digests import BadDigest, parse_digest

MAX_KEY_CHARACTERS = 4096  # the longest key that the evidence contract carries


def faults(index: Index, kind: str, contents: Mapping[str, ManifestContent]) -> list[str]:
    """Return what is wrong with the index of `kind`, each with the member's path; none when it is sound."""
    found: list[str] = []
    for fault in _all_faults(index, kind, contents):
        found.append(fault)
        if len(found) == MAX_FAULTS:
            break
    return found


def _all_faults(index: Index, kind: str, contents: Mapping[str, ManifestContent]) -> Iterator[str]:
    if index.schema != INDEX_SCHEMA:
        yield f"$.schema: `{INDEX_SCHEMA}` is wanted"
    if index.kind != kind:
        yield f"$.kind: `{kind}` is wanted, as in the file's name"
        return
    paths: set[str] = set()
    previous: tuple[str, str] | None = None
    for position, part in enumerate(index.parts):
        where = f"$.parts[{position}]"
        if part.path in paths:
            yield f"{where}.path: `{shown(part.path)}` stands twice"
        paths.add(part.path)
        if not part.segments:
            yield f"{where}.segments: a part has one segment or more"
            continue
        place = (part.source, part.segments[0].first_key)
        if previous is not None and place <= previous:
            yield f"{where}: parts ascend by source and first key"
        previous = place
        yield from _part_faults(where, kind, part, contents)


def _part_faults(
    where: str, kind: str, part: IndexPart, contents: Mapping[str, ManifestContent]
) -> Iterator[str]:
    try:
        name = layout.part_name_of(part.path)
        wanted = layout.record_path(kind, part.source, name, layout.DOCUMENTS)
        companion = layout.companion_path(wanted)
    except BadPath as error:
        yield f"{where}.path: {error}"
        return
    if (part.path, part.sources_path) != (wanted, companion):
        yield f"{where}.path: `{wanted}` and `{companion}` are wanted for this kind, source and part"
        return
    missing = [path for path in (wanted, companion) if path not in contents]
    if missing:
        yield f"{where}.path: the manifest does not list `{missing[0]}`"
        return
    yield from _sum_faults(where, part, contents[wanted], contents[companion])
    yield from _segment_faults(where, part.segments)


def _sum_faults(
    where: str, part: IndexPart, documents: ManifestContent, sources: ManifestContent
) -> Iterator[str]:
    segments = part.segments
    sums = (
        ("records", part.records, sum(segment.records for segment in segments)),
        ("records", part.records, documents.records),
        ("records", part.records, sources.records),
        ("bytes", documents.bytes, sum(segment.bytes for segment in segments)),
        ("plainBytes", documents.plain_bytes, sum(segment.plain_bytes for segment in segments)),
        ("sourcesBytes", sources.bytes, sum(segment.sources_bytes for segment in segments)),
    )
    for member, one, other in sums:
        if one != other:
            yield f"{where}: `{member}` of the part, of its segments and in the manifest are not the same"
            return


def _segment_faults(where: str, segments: Sequence[IndexSegment]) -> Iterator[str]:
    offset = sources_offset = 0
    previous: str | None = None
    for position, segment in enumerate(segments):
        here = f"{where}.segments[{position}]"
        if (segment.offset, segment.sources_offset) != (offset, sources_offset):
            yield f"{here}: its frames do not begin where those before it end"
            return
        if min(segment.records, segment.bytes, segment.plain_bytes, segment.sources_bytes) < 1:
            yield f"{here}: counts and lengths are 1 or more"
            return
        offset += segment.bytes
        sources_offset += segment.sources_bytes
        if not _ascends(previous, segment.first_key):
            yield f"{here}.firstKey: first keys ascend and have at most {MAX_KEY_CHARACTERS} characters"
        previous = segment.first_key
        yield from _digest_faults(here, (segment.plain_digest, segment.sources_plain_digest))


def _ascends(previous: str | None, key: str) -> bool:
    return len(key) <= MAX_KEY_CHARACTERS and (previous is None or key > previous)


def _digest_faults(where: str, digests: Iterable[str]) -> Iterator[str]:
    for digest in digests:
        try:
            parse_digest(digest)
        except BadDigest:
            yield f"{where}: plain digests are `sha256:` and 64 lower-case hexadecimal digits"
