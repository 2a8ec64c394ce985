"""Compares the segments of two bundles in tar files, opening only those that are not in both."""

from __future__ import annotations

import json
import tarfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

import zstandard

from libs.common.segments.cut import Record
from libs.common.segments.diff import Listed, diff
from libs.common.segments.frame import decompress


@dataclass(frozen=True, slots=True)
class Place:
    """Where a segment's two frames lie in a bundle's tar."""

    bundle: int
    documents: tuple[int, int, int]  # offset, bytes, plain bytes
    sources: tuple[int, int]


@dataclass(frozen=True, slots=True)
class Delta:
    """What tells two bundles apart."""

    segments: int
    differing_segments: int
    differing_records: int


Lists = dict[str, list[Listed[Place]]]


def delta(before: Path, after: Path) -> Delta:
    """Return how many segments and records differ."""
    with before.open("rb") as first, after.open("rb") as second:
        files = (first, second)
        earlier, later = _segments(first, 0), _segments(second, 1)
        opened = records = 0

        def load(place: Place) -> Iterator[Record]:
            nonlocal opened
            opened += place.bundle  # of the later one alone
            return _records(files[place.bundle], place)

        for name in sorted(earlier.keys() | later.keys()):
            records += sum(1 for _ in diff(earlier.get(name, []), later.get(name, []), load))
        return Delta(sum(map(len, later.values())), opened, records)


def _segments(file: IO[bytes], bundle: int) -> Lists:
    """Return the segments of each kind and source, as the indexes list them."""
    with tarfile.open(fileobj=file, mode="r:") as archive:
        members = {member.name: member for member in archive}
        lists: Lists = {}
        for name, member in members.items():
            if name.startswith("indexes/"):
                content = archive.extractfile(member)
                assert content is not None
                index = json.loads(content.read())
                for part in index.get("parts", ()):
                    listed = lists.setdefault(f"{index['kind']}/{part['source']}", [])
                    listed += [_listed(segment, part, members, bundle) for segment in part["segments"]]
        return lists


def _listed(
    segment: dict[str, Any], part: dict[str, Any], members: dict[str, tarfile.TarInfo], bundle: int
) -> Listed[Place]:
    documents = members[part["path"]].offset_data + segment.get("offset", 0)
    sources = members[part["sourcesPath"]].offset_data + segment.get("sourcesOffset", 0)
    place = Place(
        bundle, (documents, segment["bytes"], segment["plainBytes"]), (sources, segment["sourcesBytes"])
    )
    content = (segment["plainDigest"], segment["sourcesPlainDigest"])
    return Listed(segment["firstKey"].encode(), content, place)


def _records(file: IO[bytes], place: Place) -> Iterator[Record]:
    offset, size, plain_bytes = place.documents
    documents = decompress(_read(file, offset, size), plain_bytes).split(b"\n")
    sources_frame = _read(file, *place.sources)
    sources = decompress(sources_frame, _content_size(sources_frame)).split(b"\n")
    for document, source in zip(documents[:-1], sources[:-1], strict=True):
        key = json.loads(source)["key"].encode()
        yield Record(key, document, source, b"", None)


def _content_size(frame: bytes) -> int:
    return int(zstandard.get_frame_parameters(frame).content_size)


def _read(file: IO[bytes], offset: int, size: int) -> bytes:
    file.seek(offset)
    return file.read(size)
