"""Runs shards against a made-up upstream and reads what they made, for tests of the adapter host."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path

from stellaops.export.work.v1.work_pb2 import BundleLayout, Part, ShardOutput

from libs.common.blobs.store import Blob, Blobs
from libs.common.segments.cut import Record, is_part_start
from libs.common.segments.frame import library_version
from services.adapter_host.adapters.base import Transform
from services.adapter_host.evidence import Codec, KeyRange, Snapshot
from services.adapter_host.orders import ShardOrder
from tests.kit.upstream import LEVEL, SNAPSHOT, TENANT

CODEC = Codec("zstd", LEVEL, library_version())


def open_blobs(folder: Path) -> Blobs:
    """Return the adapter host's store in a folder."""
    return Blobs(f"file://{folder}", "exports")


def whole(kind: str, source: str) -> KeyRange:
    """Return the range of all keys of a dataset."""
    return KeyRange(kind, source, b"", b"")


def order(
    *ranges: KeyRange, transform: Transform | None = None, codec: Codec = CODEC, snapshot: str = SNAPSHOT
) -> ShardOrder:
    """Return the order of a shard."""
    return ShardOrder(Snapshot(TENANT, snapshot), ranges, transform, codec)


def part_starts(kind: str, records: Sequence[Record]) -> list[bytes]:
    """Return the keys at which parts begin, but for the first."""
    return [record.key for record in records[1:] if is_part_start(kind, record.key)]


def split(kind: str, source: str, keys: Sequence[bytes]) -> list[KeyRange]:
    """Return the ranges between the keys, from the beginning to the end."""
    bounds = [b"", *keys, b""]
    return [KeyRange(kind, source, start, end) for start, end in pairwise(bounds)]


async def output(blobs: Blobs, blob: Blob) -> ShardOutput:
    """Return what a shard made."""
    return ShardOutput.FromString(await blobs.get(TENANT, blob.digest))


async def part_bytes(blobs: Blobs, part: Part) -> bytes:
    """Return the file that a part is."""
    frames = await asyncio.gather(*(blobs.get(TENANT, segment.stored_digest) for segment in part.segments))
    return b"".join(frames)


async def files(blobs: Blobs, layout: BundleLayout) -> dict[str, bytes]:
    """Return every file of a bundle by path."""
    found: dict[str, bytes] = {}
    for file in layout.files:
        pieces = [await blobs.get(TENANT, piece.digest) for piece in file.pieces]
        found[file.path] = b"".join(pieces)
    return found
