"""Opens the frames of a segment: what they hold must be, to the byte, what was stated of them."""

from __future__ import annotations

import msgspec

from libs.common.digests import sha256_digest
from libs.common.errors import EvidenceCorrupt
from libs.common.segments.frame import BadFrame, Frame, decompress
from services.adapter_host.adapters.base import Batch
from services.adapter_host.evidence import Stored


class _Source(msgspec.Struct):
    key: str


_source = msgspec.json.Decoder(_Source).decode


def open_stored(stored: Stored, documents: bytes, sources: bytes, dataset: str) -> Batch:
    """Return the records of a segment, or raise `EvidenceCorrupt` that says what does not match."""
    batch = Batch(
        open_frame(stored.documents, documents, dataset), open_frame(stored.sources, sources, dataset)
    )
    cut = stored.cut
    for name, plain in (("documents", batch.documents), ("sources", batch.sources)):
        lines = plain.count(b"\n")
        if lines != cut.records or not plain.endswith(b"\n"):
            raise EvidenceCorrupt(
                dataset=dataset, reason=f"{name} have {lines} lines where {cut.records} records are stated"
            )
    keys = (first_key(batch.sources, dataset), last_key(batch.sources, dataset))
    if keys != (cut.first_key, cut.last_key):
        raise EvidenceCorrupt(
            dataset=dataset,
            reason=f"a segment holds keys {keys[0]!r:.200} to {keys[1]!r:.200}, others are stated",
        )
    return batch


def open_frame(frame: Frame, stored: bytes, dataset: str) -> bytes:
    """Return the plain bytes of a frame whose both digests hold."""
    if len(stored) != frame.stored_bytes or sha256_digest(stored) != frame.stored_digest:
        raise EvidenceCorrupt(dataset=dataset, reason=f"frame {frame.stored_digest} came with other bytes")
    try:
        plain = decompress(stored, frame.plain_bytes)
    except BadFrame as error:
        raise EvidenceCorrupt(dataset=dataset, reason=f"frame {frame.stored_digest}: {error}") from error
    if sha256_digest(plain) != frame.plain_digest:
        raise EvidenceCorrupt(
            dataset=dataset,
            reason=f"frame {frame.stored_digest} does not hold {frame.plain_digest}, as is stated",
        )
    return plain


def first_key(sources: bytes, dataset: str) -> bytes:
    """Return the key of the first record."""
    return _key(sources[: sources.index(b"\n")], dataset)


def last_key(sources: bytes, dataset: str) -> bytes:
    """Return the key of the last record."""
    end = len(sources) - 1
    return _key(sources[sources.rfind(b"\n", 0, end) + 1 : end], dataset)


def _key(line: bytes, dataset: str) -> bytes:
    try:
        return _source(line).key.encode("utf-8")
    except (msgspec.MsgspecError, UnicodeEncodeError) as error:
        raise EvidenceCorrupt(
            dataset=dataset, reason=f"a line of sources cannot be read: {str(error)[:200]}"
        ) from error
