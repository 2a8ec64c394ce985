"""Decides whether a bundle is all there, and finds digest and length of its tar, once for each layout."""

from __future__ import annotations

import asyncio
import hashlib
import json
from collections.abc import Iterator

from libs.common.blobs.store import Blob, Blobs
from libs.common.bundle.tar import BLOCK, END, header
from libs.common.digests import parse_digest, sha256_digest
from libs.common.errors import BlobCorrupt, BlobMissing
from libs.common.points import reached
from services.distributor.content import FileContent, read
from services.distributor.layouts import Layout, LayoutFile

SIZE_CHECKS_AT_ONCE = 32  # a bucket answers that many beside each other; a folder needs no more
THREAD_BYTES = 64 << 10  # to hash less takes no longer than to hand it to a thread
_NOTE = b"export-center/tar/v1\0"


async def check_pieces(blobs: Blobs, tenant: str, layout: Layout) -> None:
    """Raise unless every blob of the layout is there, as long as it should be."""
    wanted = {piece.digest: piece.size for file in layout.files for piece in file.pieces}
    digests = list(wanted)
    for start in range(0, len(digests), SIZE_CHECKS_AT_ONCE):
        some = digests[start : start + SIZE_CHECKS_AT_ONCE]
        sizes = await asyncio.gather(*(blobs.size(tenant, digest) for digest in some))
        for digest, size in zip(some, sizes, strict=True):
            if size is None:
                raise BlobMissing(digest=digest)
            if size != wanted[digest]:
                raise BlobCorrupt(digest=digest)
        await asyncio.sleep(
            0
        )  # a folder answers without a wait: let others have the loop, and cancels through


async def measure_tar(blobs: Blobs, tenant: str, layout: Layout, layout_digest: str) -> Blob:
    """Return digest and length of the tar; what was found is noted, so that the next call reads nothing.

    Each file is checked against its own digest on the way, so a blob that changed in the store is found.
    """
    note = sha256_digest(_NOTE + layout_digest.encode("ascii"))
    known = await blobs.note_get(tenant, note)
    if known is not None:
        return Blob(parse_digest(json.loads(known)["digest"]), layout.tar.size)
    tar = hashlib.sha256()
    for step in _steps(layout):
        if isinstance(step, bytes):
            tar.update(step)
        else:
            await _hash_file(blobs, tenant, step, tar)
    digest = f"sha256:{tar.hexdigest()}"
    reached("distributor.measured")
    await blobs.note_put(tenant, note, json.dumps({"digest": digest}).encode("ascii"))
    return Blob(digest, layout.tar.size)


def _steps(layout: Layout) -> Iterator[bytes | LayoutFile]:
    """Yield the parts of the tar in order: literal bytes, and whole files."""
    for file in layout.files:
        yield header(file.path, file.size)
        yield file
        yield bytes(-file.size % BLOCK)
    yield END


async def _hash_file(blobs: Blobs, tenant: str, file: LayoutFile, tar: hashlib._Hash) -> None:
    own = hashlib.sha256()

    def take(chunk: bytes) -> None:
        tar.update(chunk)
        own.update(chunk)

    async for chunk in read(blobs, tenant, FileContent(file), 0, file.size):
        if len(chunk) < THREAD_BYTES:
            take(chunk)
        else:
            await asyncio.to_thread(take, chunk)
    if f"sha256:{own.hexdigest()}" != file.digest:
        raise BlobCorrupt(digest=file.digest)
