"""Checks what an upstream lists before anything relies on it: order, bounds, digests, lengths."""

from __future__ import annotations

from dataclasses import replace

from stellaops.evidence.v1 import ledger_pb2
from stellaops.export.v1.digests_pb2 import Codec as CodecMessage

from libs.common.digests import BadDigest, parse_digest
from libs.common.errors import EvidenceCorrupt
from libs.common.segments.cut import HARD_CAP_RECORDS
from libs.common.segments.frame import MAX_FRAME_PLAIN_BYTES, Frame
from services.adapter_host.evidence import Codec, Cut, KeyRange, Plain, Stored

MAX_KEY_BYTES = 4096  # the longest key that the contract carries
# What does not compress grows by less than this: zstd adds a header, and 3 bytes to each block of 128 KiB.
MAX_FRAME_STORED_BYTES = MAX_FRAME_PLAIN_BYTES + MAX_FRAME_PLAIN_BYTES // 1024 + 64


class Listing:
    """Takes the segments of one range in order and refuses what cannot be a listing of it."""

    def __init__(self, key_range: KeyRange) -> None:
        self._range = key_range
        self._last_key: bytes | None = None
        self._codec: Codec | None = None

    def codec(self, message: CodecMessage) -> Codec:
        """Return how the upstream's frames are compressed; it is the same on every page."""
        codec = Codec(message.name, message.level, message.library)
        if self._codec not in (None, codec):
            raise self._corrupt("its pages state different codecs")
        self._codec = codec
        return codec

    def codec_of(self, message: ledger_pb2.Segment, usual: Codec) -> Codec:
        """Return how the frames of one segment are compressed: older ones by another library, perhaps."""
        return replace(usual, library=message.codec_library) if message.codec_library else usual

    def take(self, message: ledger_pb2.Segment) -> Stored:
        """Return the next segment."""
        self._check_keys(message.first_key, message.last_key)
        if not 1 <= message.records <= HARD_CAP_RECORDS:
            raise self._corrupt(f"a segment states {message.records} records")
        documents, sources = self._frame(message.documents), self._frame(message.sources)
        cut = Cut(
            message.first_key,
            message.last_key,
            message.records,
            Plain(documents.plain_digest, documents.plain_bytes),
            Plain(sources.plain_digest, sources.plain_bytes),
        )
        return Stored(cut, documents, sources)

    def _check_keys(self, first: bytes, last: bytes) -> None:
        if not is_key(first) or not is_key(last):
            raise self._corrupt("a segment begins or ends at what is no key")
        if last < first or (self._last_key is not None and first <= self._last_key):
            raise self._corrupt(f"the segments at {first!r:.200} do not ascend")
        if first < self._range.start or (self._range.end and last >= self._range.end):
            raise self._corrupt(f"the segment at {first!r:.200} lies outside the range that was asked for")
        self._last_key = last

    def _frame(self, message: ledger_pb2.Frame) -> Frame:
        try:
            plain, stored = parse_digest(message.plain_digest), parse_digest(message.stored_digest)
        except BadDigest as error:
            raise self._corrupt(str(error)) from error
        if not 1 <= message.plain_bytes <= MAX_FRAME_PLAIN_BYTES:
            raise self._corrupt(f"a frame states {message.plain_bytes} plain bytes")
        if not 1 <= message.stored_bytes <= MAX_FRAME_STORED_BYTES:
            raise self._corrupt(f"a frame states {message.stored_bytes} stored bytes")
        return Frame(plain, message.plain_bytes, stored, message.stored_bytes)

    def _corrupt(self, reason: str) -> EvidenceCorrupt:
        return EvidenceCorrupt(dataset=self._range.dataset, reason=reason)


def is_key(key: bytes) -> bool:
    """Say whether the bytes may be the key of a record: UTF-8, not empty, not too long."""
    try:
        key.decode("utf-8")
    except UnicodeDecodeError:
        return False
    return 1 <= len(key) <= MAX_KEY_BYTES
