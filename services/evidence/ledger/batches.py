"""Cuts lines of records into batches of about 1 MiB; a larger record travels alone, in pieces."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

BATCH_BYTES = 1 << 20  # well under the 4 MiB of a message, large enough that calls cost little


@dataclass(frozen=True, slots=True)
class Batch:
    """Documents and sources, one a line; with `partial` the last document goes on in the next batch."""

    documents: bytes
    sources: bytes
    records: int
    partial: bool = False


def batches(lines: Iterable[tuple[bytes, bytes]]) -> Iterator[Batch]:
    """Yield batches of records, each given as its document and its source line without line ends."""
    documents: list[bytes] = []
    sources: list[bytes] = []
    size = 0
    for document, source in lines:
        length = len(document) + len(source) + 2
        if documents and size + length > BATCH_BYTES:
            yield _whole(documents, sources)
            documents, sources, size = [], [], 0
        if length > BATCH_BYTES:
            yield from _pieces(document, source)
            continue
        documents.append(document)
        sources.append(source)
        size += length
    if documents:
        yield _whole(documents, sources)


def _whole(documents: list[bytes], sources: list[bytes]) -> Batch:
    return Batch(b"\n".join([*documents, b""]), b"\n".join([*sources, b""]), len(documents))


def _pieces(document: bytes, source: bytes) -> Iterator[Batch]:
    line = document + b"\n"
    last = (len(line) - 1) // BATCH_BYTES * BATCH_BYTES
    for start in range(0, last, BATCH_BYTES):
        yield Batch(line[start : start + BATCH_BYTES], b"", 0, partial=True)
    yield Batch(line[last:], source + b"\n", 1)
