"""What one process does with a batch of documents: bytes in, sorted records as bytes out, a pure function."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field, replace

import msgspec

from services.evidence.importing.documents import Document, ImportedRecord, Lines
from services.evidence.importing.framing import Message
from services.evidence.importing.interpret import Reading, interpret
from services.evidence.importing.limits import MAX_KEPT_REFUSALS, RUN_BYTES
from services.evidence.importing.runs import Place, held_bytes, pack
from services.evidence.values import Refused


@dataclass(frozen=True, slots=True)
class Item:
    """One of a batch: a document, lines of documents, or what is put aside unread."""

    document: Document | None = None
    lines: Lines | None = None
    refused: Refused | None = None


@dataclass(frozen=True, slots=True)
class Batch:
    """Items in the order in which they came in, and how they are read."""

    reading: Reading
    items: list[Item]


@dataclass(frozen=True, slots=True)
class SortedRun:
    """Sorted records in blocks, and between which places they lie."""

    first: Place
    last: Place
    blocks: list[bytes]


@dataclass(slots=True)
class Answer:
    """What became of a batch: records by source, what is put aside by reason, the first of it, the runs."""

    records: dict[str, int] = field(default_factory=dict)
    refusals: dict[str, int] = field(default_factory=dict)
    refused: list[Refused] = field(default_factory=list)
    runs: list[SortedRun] = field(default_factory=list)


_encode = msgspec.msgpack.Encoder().encode
_decode_batch = msgspec.msgpack.Decoder(Batch).decode
_decode_answer = msgspec.msgpack.Decoder(Answer).decode


def batch_message(reading: Reading, items: list[Item]) -> Message:
    """Return a batch as it travels to a process: lines follow it in parts of their own, as they are."""
    parts = [item.lines.pieces for item in items if item.lines is not None]
    return [(_encode(Batch(reading, [_without_bytes(item) for item in items])),), *parts]


def _without_bytes(item: Item) -> Item:
    return item if item.lines is None else Item(lines=replace(item.lines, pieces=()))


def answer_of(answer: bytes) -> Answer:
    """Return what a process answered."""
    return _decode_answer(answer)


def perform(batch: Message) -> bytes:
    """Read a batch and return the answer."""
    (head,), *parts = batch
    records, refusals = Counter[str](), Counter[str]()
    answer = Answer(records, refusals)
    held: list[ImportedRecord] = []
    size = 0
    for entry in _entries(_decode_batch(head), iter(parts)):
        if isinstance(entry, Refused):
            refusals[entry.reason] += 1
            if len(answer.refused) < MAX_KEPT_REFUSALS:
                answer.refused.append(entry)
            continue
        records[entry.source] += 1
        held.append(entry)
        size += held_bytes(entry)
        if size >= RUN_BYTES:
            answer.runs.append(_run(held))
            held, size = [], 0
    if held:
        answer.runs.append(_run(held))
    return _encode(answer)


def _entries(batch: Batch, parts: Iterator[tuple[bytes, ...]]) -> Iterator[ImportedRecord | Refused]:
    for item in batch.items:
        if item.refused is not None:
            yield item.refused
        if item.document is not None:
            yield from interpret(item.document, batch.reading)
        if item.lines is not None:
            for document in replace(item.lines, pieces=next(parts)).documents():
                yield from interpret(document, batch.reading)


def _run(records: list[ImportedRecord]) -> SortedRun:
    records.sort()
    return SortedRun(Place(*records[0][:3]), Place(*records[-1][:3]), list(pack(records)))
