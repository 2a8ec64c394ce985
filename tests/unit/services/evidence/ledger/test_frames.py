"""Three frames hold a segment, and give back its records."""

from __future__ import annotations

from dataclasses import replace

import pytest

from libs.common.segments.cut import Record
from libs.common.segments.frame import BadFrame
from services.evidence.ledger import frames
from services.evidence.ledger.frames import BadSegment, ledger_line

RECORDS = [
    Record(b"a", b'{"n":1}', b'{"digest":"d","key":"a","uri":"u"}', ledger_line("2026", 1, None), None),
    Record(
        "é".encode(),
        b'{"n":2}',
        '{"digest":"d","key":"é","uri":"u"}'.encode(),
        ledger_line("2026", 7, 99),
        99,
    ),
]


def test_what_is_written_is_read_back() -> None:
    framed = frames.write(RECORDS)
    segment = framed.segment
    assert frames.read(segment, framed.stored) == RECORDS
    assert frames.keys(segment, framed.stored[1]) == [record.key for record in RECORDS]
    assert (segment.first_key, segment.last_key, segment.records) == (b"a", "é".encode(), 2)
    assert segment.newest_stated == 99


def test_the_line_of_the_ledger_is_canonical() -> None:
    assert ledger_line("2026-01-01T00:00:00.000000Z", 3, None) == (
        b'{"at":"2026-01-01T00:00:00.000000Z","seq":3,"t":null}'
    )
    assert ledger_line("x", 3, -5) == b'{"at":"x","seq":3,"t":-5}'


def test_frames_that_do_not_belong_together_are_refused() -> None:
    framed, shorter = frames.write(RECORDS), frames.write(RECORDS[:1])
    documents, sources, ledger = framed.stored
    with pytest.raises(BadFrame):
        frames.read(framed.segment, (shorter.stored[0], sources, ledger))
    mixed = replace(framed.segment, sources=shorter.segment.sources)
    with pytest.raises(BadSegment):
        frames.read(mixed, (documents, shorter.stored[1], ledger))
    with pytest.raises(BadSegment):
        frames.keys(mixed, shorter.stored[1])
    with pytest.raises(BadSegment):
        frames.read(replace(framed.segment, last_key=b"z"), framed.stored)
