"""Reads every real document both ways, cuts it into segments and brings it back from their frames."""

import io
import json
import os
from collections.abc import Iterator
from pathlib import Path

import pytest
import zstandard

from libs.common.canon.canonical import canonical
from libs.common.canon.decode import MAX_SAFE_INTEGER, read
from libs.common.canon.encode import encode
from libs.common.segments.cut import HARD_CAP_BYTES, Record, cut
from libs.common.segments.frame import compress, iter_plain
from libs.common.segments.plain import join_lines, plain_documents, split_lines

DATA = Path(os.environ.get("STELLA_DATA", "absent"))
PACKS = sorted(path for path in DATA.rglob("*.jsonl.zst") if path.name != "not-json.jsonl.zst")
KINDS = {"vex": "vex", "sboms": "sbom", "findings": "finding"}

pytestmark = [
    pytest.mark.real_data,
    pytest.mark.skipif(not PACKS, reason="STELLA_DATA names no folder with packs"),
    pytest.mark.parametrize("pack", PACKS, ids=lambda path: f"{path.parent.name}/{path.name}"),
]


def documents(pack: Path) -> Iterator[tuple[bytes, bytes]]:
    """Yield key and document, the latter with the spelling of its source."""
    with pack.open("rb") as file:
        for line in io.BufferedReader(zstandard.ZstdDecompressor().stream_reader(file)):
            yield json.loads(line)["id"].encode(), line[line.index(b'"doc":') + 6 :].rstrip()[:-1]


def integer(literal: str) -> float:
    return int(literal) if abs(int(literal)) <= MAX_SAFE_INTEGER else float(literal)


def test_every_document_is_taken_and_equal_both_ways(pack: Path) -> None:
    for key, raw in documents(pack):
        written, value = canonical(raw)
        assert written == encode(read(raw)), key
        assert value == json.loads(raw, parse_int=integer), key


def test_every_document_comes_back_from_its_segment(pack: Path) -> None:
    kind = KINDS.get(pack.parent.name, "advisory")
    records = {key: Record(key, canonical(raw)[0], b"{}", b"", None) for key, raw in documents(pack)}
    segments = list(cut(kind, [records[key] for key in sorted(records)]))
    assert all(len(plain_documents(segment)) <= HARD_CAP_BYTES or len(segment) == 1 for segment in segments)
    frames = (compress(plain_documents(segment), 3) for segment in segments)
    lines = split_lines(b"".join(iter_plain(frames, 1 << 30)))
    assert lines == [records[key].document for key in sorted(records)]
    assert join_lines(lines) == b"".join(map(plain_documents, segments))
