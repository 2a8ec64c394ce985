"""A listing of segments is refused when it cannot be one of the range."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest
from stellaops.evidence.v1 import ledger_pb2
from stellaops.export.v1.digests_pb2 import Codec

from libs.common.digests import sha256_digest
from libs.common.errors import EvidenceCorrupt
from libs.common.segments.frame import MAX_FRAME_PLAIN_BYTES
from services.adapter_host.evidence import KeyRange
from services.adapter_host.sources.listing import MAX_KEY_BYTES, Listing

RANGE = KeyRange("sbom", "one", b"b", b"y")
DIGEST = sha256_digest(b"")


def frame() -> ledger_pb2.Frame:
    return ledger_pb2.Frame(plain_digest=DIGEST, plain_bytes=9, stored_digest=DIGEST, stored_bytes=9)


def segment(first: bytes = b"c", last: bytes = b"d") -> ledger_pb2.Segment:
    return ledger_pb2.Segment(first_key=first, last_key=last, records=2, documents=frame(), sources=frame())


def test_segments_in_order_within_the_range_are_taken() -> None:
    listing = Listing(RANGE)
    taken = [listing.take(segment(b"b", b"c")), listing.take(segment(b"d", b"d"))]
    assert [one.cut.first_key for one in taken] == [b"b", b"d"]
    assert (taken[0].cut.records, taken[0].documents.stored_bytes) == (2, 9)


@pytest.mark.parametrize(
    ("first", "last", "reason"),
    [
        (b"d", b"c", "ascend"),
        (b"a", b"c", "outside"),
        (b"x", b"y", "outside"),
        (b"", b"c", "no key"),
        (b"c", b"\xff", "no key"),
        (b"c", b"c" * (MAX_KEY_BYTES + 1), "no key"),
    ],
)
def test_keys_that_cannot_be_are_refused(first: bytes, last: bytes, reason: str) -> None:
    with pytest.raises(EvidenceCorrupt, match=f"sbom/one.*{reason}"):
        Listing(RANGE).take(segment(first, last))


def test_segments_that_overlap_are_refused() -> None:
    listing = Listing(RANGE)
    listing.take(segment(b"c", b"f"))
    with pytest.raises(EvidenceCorrupt, match="ascend"):
        listing.take(segment(b"f", b"g"))


def _records(message: ledger_pb2.Segment) -> None:
    message.records = 0


def _digest(message: ledger_pb2.Segment) -> None:
    message.documents.stored_digest = "sha256:../../x"


def _plain(message: ledger_pb2.Segment) -> None:
    message.sources.plain_bytes = MAX_FRAME_PLAIN_BYTES + 1


def _stored(message: ledger_pb2.Segment) -> None:
    message.sources.stored_bytes = 2 * MAX_FRAME_PLAIN_BYTES


@pytest.mark.parametrize("spoil", [_records, _digest, _plain, _stored])
def test_counts_digests_and_lengths_that_cannot_be_are_refused(
    spoil: Callable[[ledger_pb2.Segment], None],
) -> None:
    message = segment()
    spoil(message)
    with pytest.raises(EvidenceCorrupt, match="sbom/one"):
        Listing(RANGE).take(message)


def test_pages_with_different_codecs_are_refused() -> None:
    listing = Listing(RANGE)
    listing.codec(Codec(name="zstd", level=3, library="1"))
    with pytest.raises(EvidenceCorrupt, match="codec"):
        listing.codec(Codec(name="zstd", level=4, library="1"))


def test_a_segment_may_state_the_library_that_made_its_frames() -> None:
    listing = Listing(RANGE)
    usual = listing.codec(Codec(name="zstd", level=3, library="1"))
    older = segment()
    older.codec_library = "0"
    assert listing.codec_of(segment(), usual) == usual
    assert listing.codec_of(older, usual) == replace(usual, library="0")
