"""Writes the records of a segment as three frames (documents, sources, ledger) and reads them back."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import msgspec

from libs.common.segments.cut import Record
from libs.common.segments.frame import decompress, library_version, make_frame
from libs.common.segments.plain import join_lines, split_lines
from services.evidence.values import FRAME_LEVEL, Segment


class BadSegment(ValueError):
    """Frames that do not belong together."""


class _SourceLine(msgspec.Struct):
    key: str


class _LedgerLine(msgspec.Struct):
    t: int | None


_source_line = msgspec.json.Decoder(_SourceLine)
_ledger_line = msgspec.json.Decoder(_LedgerLine)


@dataclass(frozen=True, slots=True)
class Framed:
    """A segment and the bytes of its frames: documents, sources, ledger."""

    segment: Segment
    stored: tuple[bytes, bytes, bytes]


def ledger_line(observed_at: str, sequence: int, stated: int | None) -> bytes:
    """Return what the ledger keeps of a record for itself; it never leaves."""
    time = "null" if stated is None else str(stated)
    return b'{"at":"%s","seq":%d,"t":%s}' % (observed_at.encode(), sequence, time.encode())


def write(records: Sequence[Record]) -> Framed:
    """Return the frames of a segment's records."""
    documents, documents_stored = make_frame(join_lines([each.document for each in records]), FRAME_LEVEL)
    sources, sources_stored = make_frame(join_lines([each.source for each in records]), FRAME_LEVEL)
    ledger, ledger_stored = make_frame(join_lines([each.ledger for each in records]), FRAME_LEVEL)
    segment = Segment(
        first_key=records[0].key,
        last_key=records[-1].key,
        records=len(records),
        documents=documents,
        sources=sources,
        ledger=ledger,
        newest_stated=max(
            (each.stated_time for each in records if each.stated_time is not None), default=None
        ),
        codec_library=library_version(),
    )
    return Framed(segment, (documents_stored, sources_stored, ledger_stored))


def read(segment: Segment, stored: tuple[bytes, bytes, bytes]) -> list[Record]:
    """Return the records of a segment from the bytes of its frames."""
    documents = split_lines(decompress(stored[0], segment.documents.plain_bytes))
    sources = split_lines(decompress(stored[1], segment.sources.plain_bytes))
    ledger = split_lines(decompress(stored[2], segment.ledger.plain_bytes))
    if not len(documents) == len(sources) == len(ledger) == segment.records:
        raise BadSegment(f"its frames hold {len(documents)}, {len(sources)} and {len(ledger)} lines")
    records = [
        Record(key_of(source), document, source, line, _ledger_line.decode(line).t)
        for document, source, line in zip(documents, sources, ledger, strict=True)
    ]
    if (records[0].key, records[-1].key) != (segment.first_key, segment.last_key):
        raise BadSegment("its frames hold other keys than those that it is listed with")
    return records


def keys(segment: Segment, stored: bytes) -> list[bytes]:
    """Return the keys of a segment from the bytes of its frame of sources."""
    lines = split_lines(decompress(stored, segment.sources.plain_bytes))
    if len(lines) != segment.records:
        raise BadSegment(f"its frame of sources holds {len(lines)} lines")
    return [key_of(line) for line in lines]


def key_of(source_line: bytes) -> bytes:
    """Return the key that a line of sources states."""
    return _source_line.decode(source_line).key.encode()
