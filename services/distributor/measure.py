"""Decides whether a bundle is all there, and finds digest and length of its tar, once for each layout."""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from libs.common.blobs.store import Blob, Blobs, answering
from libs.common.bundle.tar import BLOCK, END, header
from libs.common.digests import parse_digest, sha256_digest
from libs.common.errors import BlobCorrupt, BlobMissing
from libs.common.points import reached
from services.distributor.content import FileContent, read
from services.distributor.layouts import Layout, LayoutFile

SIZE_CHECKS_AT_ONCE = 32  # a bucket answers that many beside each other; a folder needs no more
READ_BYTES = 1 << 20  # what is held of a file that is hashed where it lies
_NOTE = b"export-center/tar/v1\0"


async def check_pieces(blobs: Blobs, tenant: str, layout: Layout) -> None:
    """Raise unless every blob of the layout is there, as long as it should be."""
    wanted = {piece.digest: piece.size for file in layout.files for piece in file.pieces}
    paths = {digest: blobs.local_path(tenant, digest) for digest in wanted}
    found = await asyncio.to_thread(_file_sizes, paths)
    distant = [digest for digest, path in paths.items() if path is None]
    for start in range(0, len(distant), SIZE_CHECKS_AT_ONCE):
        some = distant[start : start + SIZE_CHECKS_AT_ONCE]
        sizes = await asyncio.gather(*(blobs.size(tenant, digest) for digest in some))
        found |= zip(some, sizes, strict=True)
    for digest, size in wanted.items():
        if found[digest] is None:
            raise BlobMissing(digest=digest)
        if found[digest] != size:
            raise BlobCorrupt(digest=digest)


def _file_sizes(paths: Mapping[str, Path | None]) -> dict[str, int | None]:
    """Return the lengths of blobs that are files; None where there is none."""
    sizes: dict[str, int | None] = {}
    for digest, path in paths.items():
        if path is not None:
            sizes[digest] = None
            with answering(), contextlib.suppress(FileNotFoundError):
                sizes[digest] = path.stat().st_size
    return sizes


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
    paths = [blobs.local_path(tenant, piece.digest) for piece in file.pieces]
    near = [path for path in paths if path is not None]
    if len(near) == len(paths):
        await asyncio.to_thread(_hash_paths, file, near, (tar, own))
    else:
        async for chunk in read(blobs, tenant, FileContent(file), 0, file.size):
            await asyncio.to_thread(_take, chunk, (tar, own))
    if f"sha256:{own.hexdigest()}" != file.digest:
        raise BlobCorrupt(digest=file.digest)


def _hash_paths(file: LayoutFile, paths: Sequence[Path], hashes: Sequence[hashlib._Hash]) -> None:
    """Hash a file's pieces where they lie, without a way through the event loop for each chunk."""
    buffer = memoryview(bytearray(min(file.size, READ_BYTES)))
    for piece, path in zip(file.pieces, paths, strict=True):
        with answering(piece.digest), path.open("rb", buffering=0) as opened:
            while count := opened.readinto(buffer):
                _take(buffer[:count], hashes)


def _take(chunk: bytes | memoryview, hashes: Sequence[hashlib._Hash]) -> None:
    for each in hashes:
        each.update(chunk)
