"""Content-addressed blobs of each tenant, in a directory or a bucket, and small notes beside them."""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import os
import re
import secrets
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from pathlib import Path

import obstore
from obstore.exceptions import AlreadyExistsError, BaseError, NotFoundError
from obstore.store import LocalStore, ObjectStore, from_url

from libs.common.errors import BlobCorrupt, BlobMissing, Unavailable
from libs.common.names import TENANT

STREAM_CHUNK_BYTES = 1 << 20  # what one read of a stream holds in memory
_DIGEST = re.compile(r"sha256:[0-9a-f]{64}")


@dataclass(frozen=True, slots=True)
class Blob:
    """Digest (`sha256:…`) and length of some stored bytes."""

    digest: str
    size: int


class Blobs:
    """Puts, gets and streams blobs by digest; a blob is immutable, so "exists" is enough to skip work.

    Keys are `<area>/<tenant>/sha256/<2 digits>/<62 digits>`; notes (`note_put`, `note_get`) are small values
    under a name that is itself a digest of what they were computed from, so they too never change. A store
    that does not answer, is full or refuses is `Unavailable`: what was asked may go better next time.
    """

    def __init__(self, url: str, area: str) -> None:
        """Open the store; a `file://` directory is made when missing. `area` keeps services apart."""
        self._area = area
        self._root: Path | None = None
        if url.startswith("file://"):
            self._root = Path(url.removeprefix("file://"))
            self._root.mkdir(parents=True, exist_ok=True)
            self._store: ObjectStore = LocalStore(self._root)
        else:
            self._store = from_url(url)

    def _key(self, tenant: str, digest: str) -> str:
        # Digests come in messages: one that is none must not lead to another place, such as another tenant's.
        if not TENANT.fullmatch(tenant) or not _DIGEST.fullmatch(digest):
            raise ValueError(f"not a blob name: {tenant!r} {digest!r}")
        return f"{self._area}/{tenant}/sha256/{digest[7:9]}/{digest[9:]}"

    def local_path(self, tenant: str, digest: str) -> Path | None:
        """Return the blob's file where the store is a directory."""
        return None if self._root is None else self._root / self._key(tenant, digest)

    async def put(self, tenant: str, data: bytes, digest: str | None = None) -> Blob:
        """Store `data` unless it is there; `digest` saves hashing where the caller has just done it."""
        if digest is None:
            digest = "sha256:" + hashlib.sha256(data).hexdigest()
        if not await self.exists(tenant, digest):
            await self._put(self._key(tenant, digest), data)
        return Blob(digest, len(data))

    async def _put(self, key: str, data: bytes) -> None:
        with _answering():
            if self._root is not None:
                await asyncio.to_thread(_write_durably, self._root / key, data)
                return
            with contextlib.suppress(AlreadyExistsError):
                await obstore.put_async(self._store, key, data, mode="create")

    async def exists(self, tenant: str, digest: str) -> bool:
        """Say whether the blob is there."""
        return await self.size(tenant, digest) is not None

    async def size(self, tenant: str, digest: str) -> int | None:
        """Return the blob's length, or None where it is missing."""
        key = self._key(tenant, digest)
        with _answering(), contextlib.suppress(NotFoundError, FileNotFoundError):
            if self._root is not None:
                return (self._root / key).stat().st_size
            return (await obstore.head_async(self._store, key))["size"]
        return None

    async def get(self, tenant: str, digest: str) -> bytes:
        """Return the whole blob, checked against its digest."""
        key = self._key(tenant, digest)
        with _answering(digest):
            result = await obstore.get_async(self._store, key)
            data = bytes(await result.bytes_async())
        if "sha256:" + hashlib.sha256(data).hexdigest() != digest:
            raise BlobCorrupt(digest=digest)
        return data

    async def stream(self, tenant: str, digest: str, start: int, length: int) -> AsyncIterator[bytes]:
        """Yield `length` bytes from `start` in chunks; the receiver checks the digest of the whole."""
        key = self._key(tenant, digest)
        end = start + length
        while start < end:
            size = min(STREAM_CHUNK_BYTES, end - start)
            with _answering(digest):
                chunk = bytes(await obstore.get_range_async(self._store, key, start=start, length=size))
            if len(chunk) != size:
                raise BlobCorrupt(digest=digest)
            yield chunk
            start += size

    async def delete(self, tenant: str, digest: str) -> None:
        """Remove the blob; one that is not there is fine."""
        key = self._key(tenant, digest)
        with _answering(), contextlib.suppress(NotFoundError, FileNotFoundError):
            await obstore.delete_async(self._store, key)

    async def note_put(self, tenant: str, name: str, value: bytes) -> None:
        """Remember a small value under the digest of what it was computed from."""
        await self._put(self._note_key(tenant, name), value)

    async def note_get(self, tenant: str, name: str) -> bytes | None:
        """Return a remembered value, or None."""
        key = self._note_key(tenant, name)
        with _answering(), contextlib.suppress(NotFoundError, FileNotFoundError):
            result = await obstore.get_async(self._store, key)
            return bytes(await result.bytes_async())
        return None

    def _note_key(self, tenant: str, name: str) -> str:
        return self._key(tenant, name).replace("/sha256/", "/notes/", 1)


@contextlib.contextmanager
def _answering(digest: str = "") -> Iterator[None]:
    """Turn the store's own errors into those of the catalogue; `digest` names a blob that should be there."""
    try:
        yield
    except (BaseError, OSError) as error:
        if digest and isinstance(error, (NotFoundError, FileNotFoundError)):
            raise BlobMissing(digest=digest) from error
        # Texts of a store may name machines and paths: they stay in the log, as the cause.
        reason = (error.strerror if isinstance(error, OSError) else None) or type(error).__name__
        raise Unavailable(dependency="the blob store", reason=reason) from error


def _write_durably(path: Path, data: bytes) -> None:
    """Write a file that is either whole or absent, and still there after a power cut."""
    if path.exists():
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.{secrets.token_hex(8)}")
    try:
        with temporary.open("xb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)  # the file's own `fsync` came before its name: a power cut could take that away
    finally:
        os.close(folder)
