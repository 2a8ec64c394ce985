"""Reads bundle layouts: which blobs, joined, are which file, and where each file lies in the tar."""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import accumulate

from google.protobuf.message import DecodeError
from stellaops.export.work.v1.work_pb2 import BundleLayout
from stellaops.export.work.v1.work_pb2 import LayoutFile as LayoutFileMessage

from libs.common.blobs.store import Blob, Blobs
from libs.common.bundle.faults import BadBundle
from libs.common.bundle.tar import TarLayout
from libs.common.digests import BadDigest, parse_digest
from libs.common.errors import Internal, TooLarge

# As many pieces as the largest index has segments (75,000 of about 80 bytes), companions, files, and room.
MAX_LAYOUT_BYTES = 32 * 1024 * 1024
# Pieces and files of the layouts that are kept in memory: about 100 bytes each, so 50 MB at most.
MAX_CACHED_ENTRIES = 500_000


@dataclass(frozen=True, slots=True)
class LayoutFile:
    """A file of a bundle; `ends` holds where each of its pieces ends in the file."""

    path: str
    digest: str
    size: int
    pieces: tuple[Blob, ...]
    ends: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Layout:
    """The files of a bundle in order of path, and their tar."""

    files: tuple[LayoutFile, ...]
    tar: TarLayout
    by_path: Mapping[str, LayoutFile]

    @property
    def entries(self) -> int:
        """Return how many files and pieces it has."""
        return len(self.files) + sum(len(file.pieces) for file in self.files)


def parse_layout(raw: bytes) -> Layout:
    """Return the layout that `raw` holds; one that no correct assembler and signer make is refused."""
    try:
        message = BundleLayout.FromString(raw)
    except DecodeError as error:
        raise _refused("the layout is not a BundleLayout") from error
    files = tuple(_file(file) for file in message.files)
    try:
        tar = TarLayout([(file.path, file.size) for file in files])
    except BadBundle as error:
        raise _refused(f"the layout has a fault at {error}") from error
    return Layout(files, tar, {file.path: file for file in files})


def _file(message: LayoutFileMessage) -> LayoutFile:
    pieces = tuple(Blob(_digest(piece.digest), piece.bytes) for piece in message.pieces)
    ends = tuple(accumulate(piece.size for piece in pieces))
    if any(piece.size < 1 for piece in pieces) or (ends[-1] if ends else 0) != message.bytes:
        raise _refused(f"the pieces of `{message.path[:255]}` are not as long as the file")
    return LayoutFile(message.path, _digest(message.digest), message.bytes, pieces, ends)


def _digest(text: str) -> str:
    try:
        return parse_digest(text)
    except BadDigest as error:
        raise _refused(str(error)) from error


def _refused(reason: str) -> Internal:
    return Internal(part="the work before distribution", reason=reason)


class Layouts:
    """Layouts by tenant and digest; those read last are kept, up to so many entries in all."""

    def __init__(self, blobs: Blobs, most_entries: int = MAX_CACHED_ENTRIES) -> None:
        """Take the store that holds them."""
        self._blobs = blobs
        self._most_entries = most_entries
        self._kept: OrderedDict[tuple[str, str], Layout] = OrderedDict()
        self._entries = 0
        self._reading = asyncio.Lock()  # so that a hundred ranges of one download read its layout once

    async def get(self, tenant: str, digest: str) -> Layout:
        """Return a layout."""
        key = (tenant, digest)
        if key not in self._kept:
            async with self._reading:
                if key not in self._kept:
                    self._keep(key, await self._read(tenant, digest))
        self._kept.move_to_end(key)
        return self._kept[key]

    async def _read(self, tenant: str, digest: str) -> Layout:
        if (await self._blobs.size(tenant, digest) or 0) > MAX_LAYOUT_BYTES:
            raise TooLarge(what="The layout", limit=f"{MAX_LAYOUT_BYTES} bytes")
        return await asyncio.to_thread(parse_layout, await self._blobs.get(tenant, digest))

    def _keep(self, key: tuple[str, str], layout: Layout) -> None:
        self._kept[key] = layout
        self._entries += layout.entries
        while self._entries > self._most_entries and len(self._kept) > 1:
            _, dropped = self._kept.popitem(last=False)
            self._entries -= dropped.entries
