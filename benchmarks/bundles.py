"""Makes signed bundles for benchmarks: records cut as the ledger cuts them, in files by path."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterable, Iterator
from itertools import groupby
from pathlib import Path

import msgspec
import zstandard

from benchmarks.core import made_up_records
from libs.common.bundle.layout import RECORD_FOLDERS
from libs.common.canon.canonical import canonical
from libs.common.segments.cut import Record, cut, is_part_start, part_name
from tests.kit import bundles

_KIND_OF_FOLDER = {folder: kind for kind, folder in RECORD_FOLDERS.items()} | {"cve": "advisory"}
Given = tuple[str, str, bytes, bytes]  # kind, source, key, document


class Pack(msgspec.Struct):
    """A line of a pack of real evidence."""

    id: str
    doc: msgspec.Raw = msgspec.Raw(b"")


def packed(folder: Path) -> Iterator[Given]:
    """Yield the documents of every pack below `folder` whose folder is that of a kind."""
    decode = msgspec.json.Decoder(Pack).decode
    for path in sorted(folder.glob("*/*.jsonl.zst")):
        kind = _KIND_OF_FOLDER.get(path.parent.name)
        if kind is None:
            continue
        with path.open("rb") as file, zstandard.ZstdDecompressor().stream_reader(file) as plain:
            for line in io.BufferedReader(plain, 1 << 20):
                record = decode(line)
                if bytes(record.doc):
                    yield kind, path.name.partition(".")[0], record.id.encode(), bytes(record.doc)


def made_up(count: int) -> Iterator[Given]:
    """Yield advisories of one source."""
    for key, document in made_up_records(count):
        yield "advisory", "made-up", key, document


def make(given: Iterable[Given], level: int) -> bundles.Files:
    """Return all files of a signed bundle of these records."""
    unique = {(kind, source, key): document for kind, source, key, document in given}
    parts: list[bundles.Part] = []
    for (kind, source), group in groupby(sorted(unique), lambda place: place[:2]):
        records = (_record(source, key, unique[kind, source, key]) for _, _, key in group)
        parts += _parts(kind, source, cut(kind, records), level)
    return bundles.sign(bundles.assemble(parts))


def _record(source: str, key: bytes, document: bytes) -> Record:
    form = canonical(document)[0]
    line = bundles.Record("", source, key.decode(), form).source_line()
    return Record(key, form, line, b"", None)


def _parts(kind: str, source: str, segments: Iterable[list[Record]], level: int) -> Iterator[bundles.Part]:
    part: bundles.Part | None = None
    for records in segments:
        first_key = records[0].key
        if part is None or is_part_start(kind, first_key):
            if part is not None:
                yield part
            part = bundles.Part(kind, source, part_name(first_key))
        part.segments.append(_segment(records, level))
    if part is not None:
        yield part


def _segment(records: list[Record], level: int) -> bundles.Segment:
    def joined(line_of: Callable[[Record], bytes]) -> bytes:
        return b"".join(line_of(record) + b"\n" for record in records)

    documents, sources = joined(lambda record: record.document), joined(lambda record: record.source)
    frames = bundles.frame(documents, level), bundles.frame(sources, level)
    return bundles.Segment(records[0].key.decode(), len(records), documents, sources, *frames)
