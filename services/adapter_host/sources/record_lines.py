"""Joins the batches of a record stream into whole records; refuses what is out of order or out of bounds."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator

import msgspec

from libs.common.canon.decode import MAX_RECORD_BYTES
from libs.common.errors import EvidenceCorrupt
from libs.common.segments.cut import Record
from services.adapter_host.evidence import KeyRange
from services.adapter_host.sources.listing import is_key

MAX_SOURCE_BYTES = 64 * 1024  # a key of 4 KiB and a URI of 8 KiB, every character escaped


class _Source(msgspec.Struct, forbid_unknown_fields=True):
    digest: str
    key: str
    uri: str


_source = msgspec.json.Decoder(_Source).decode


class RecordLines:
    """Takes batches in order; documents and sources may be split anywhere, each pair of lines is a record."""

    def __init__(self, key_range: KeyRange) -> None:
        self._range = key_range
        self._documents = _Lines(MAX_RECORD_BYTES)
        self._sources = _Lines(MAX_SOURCE_BYTES)
        self.last_key = b""

    def take(self, documents: bytes, sources: bytes) -> Iterator[Record]:
        """Yield the records that are whole once the batch is added."""
        self._documents.add(documents)
        self._sources.add(sources)
        while self._documents.whole and self._sources.whole:
            yield self._record(self._documents.whole.popleft(), self._sources.whole.popleft())
        # A record that goes on in the next batch may have its source in this one.
        if len(self._documents.whole) + len(self._sources.whole) > 1:
            raise self._corrupt("a batch has not as many documents as sources")
        if self._documents.too_long or self._sources.too_long:
            raise self._corrupt(f"the record after key {self.last_key!r:.200} is larger than any may be")

    def forget_rest(self) -> None:
        """Drop what is not whole: the stream was interrupted and begins again after the last key."""
        self._documents.clear()
        self._sources.clear()

    def end(self) -> None:
        """Raise unless the stream ended after a whole record."""
        if not self._documents.empty or not self._sources.empty:
            raise self._corrupt("the stream ends within a record, or documents and sources differ in number")

    def _record(self, document: bytes, source: bytes) -> Record:
        try:
            key = _source(source).key.encode("utf-8")
        except (msgspec.MsgspecError, UnicodeEncodeError) as error:
            raise self._corrupt(f"a line of sources cannot be read: {str(error)[:200]}") from error
        if not document or not is_key(key) or len(source) > MAX_SOURCE_BYTES:
            raise self._corrupt(
                f"the record after key {self.last_key!r:.200} lacks a document or a sound key"
            )
        if key <= self.last_key:
            raise self._corrupt(f"key {key!r:.200} follows {self.last_key!r:.200}")
        if key < self._range.start or (self._range.end and key >= self._range.end):
            raise self._corrupt(f"key {key!r:.200} lies outside the range that was asked for")
        self.last_key = key
        return Record(key, document, source, b"", None)

    def _corrupt(self, reason: str) -> EvidenceCorrupt:
        return EvidenceCorrupt(dataset=self._range.dataset, reason=reason)


class _Lines:
    """Whole lines so far, and the pieces of the one that goes on."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._pieces: list[bytes] = []
        self._size = 0
        self.whole: deque[bytes] = deque()

    def add(self, data: bytes) -> None:
        first, *others = data.split(b"\n")
        self._pieces.append(first)
        self._size += len(first)
        if others:
            self.whole.append(b"".join(self._pieces))
            self.whole += others[:-1]
            self._pieces = [others[-1]]
            self._size = len(others[-1])

    def clear(self) -> None:
        self.whole.clear()
        self._pieces.clear()
        self._size = 0

    @property
    def too_long(self) -> bool:
        return self._size > self._limit

    @property
    def empty(self) -> bool:
        return not self.whole and not self._size
