"""Frames are opened only when all that was stated of them is true."""

from __future__ import annotations

from dataclasses import replace

import pytest

from libs.common.digests import sha256_digest
from libs.common.errors import EvidenceCorrupt
from libs.common.segments.frame import compress, make_frame
from libs.common.segments.plain import plain_documents, plain_sources
from services.adapter_host.adapters.base import Batch
from services.adapter_host.evidence import Cut, Plain, Stored
from services.adapter_host.opening import open_frame, open_stored
from tests.kit.upstream import made_up

RECORDS = [made_up("a"), made_up("b")]
BATCH = Batch(plain_documents(RECORDS), plain_sources(RECORDS))


def stored(batch: Batch) -> tuple[Stored, bytes, bytes]:
    documents, document_bytes = make_frame(batch.documents, 3)
    sources, source_bytes = make_frame(batch.sources, 3)
    cut = Cut(b"a", b"b", 2, Plain("", 0), Plain("", 0))
    return Stored(cut, documents, sources), document_bytes, source_bytes


def test_a_sound_segment_is_opened() -> None:
    assert open_stored(*stored(BATCH), "sbom/one") == BATCH


@pytest.mark.parametrize(
    ("batch", "reason"),
    [
        (Batch(plain_documents(RECORDS[:1]), BATCH.sources), "documents have 1 lines"),
        (Batch(BATCH.documents, plain_sources(RECORDS[:1])), "sources have 1 lines"),
        (Batch(BATCH.documents[:-1] + b" ", BATCH.sources), "documents have 1 lines"),
        (Batch(BATCH.documents, plain_sources([RECORDS[0], made_up("c")])), "keys"),
        (Batch(BATCH.documents, b'{"key":"a"}\nnonsense\n'), "cannot be read"),
    ],
)
def test_a_segment_that_holds_something_else_is_refused(batch: Batch, reason: str) -> None:
    with pytest.raises(EvidenceCorrupt, match=reason):
        open_stored(*stored(batch), "sbom/one")


def test_a_frame_with_other_bytes_is_refused() -> None:
    frame, data = make_frame(b"plain\n", 3)
    with pytest.raises(EvidenceCorrupt, match=r"sbom/one.*other bytes"):
        open_frame(frame, data[:-1] + bytes([data[-1] ^ 1]), "sbom/one")


def test_a_frame_that_is_none_is_refused() -> None:
    frame, _ = make_frame(b"plain\n", 3)
    data = b"no zstd at all"
    lying = replace(frame, stored_digest=sha256_digest(data), stored_bytes=len(data))
    with pytest.raises(EvidenceCorrupt, match="no zstd frame"):
        open_frame(lying, data, "sbom/one")


def test_a_frame_of_other_plain_bytes_is_refused() -> None:
    frame, _ = make_frame(b"plain\n", 3)
    data = compress(b"other\n", 3)
    lying = replace(frame, stored_digest=sha256_digest(data), stored_bytes=len(data))
    with pytest.raises(EvidenceCorrupt, match="does not hold"):
        open_frame(lying, data, "sbom/one")
