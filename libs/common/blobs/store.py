"""Content-addressed blobs of each tenant, in a directory or a bucket, and small notes beside them."""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import os
import re
import secrets
from collections.abc import AsyncIterator, Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import BinaryIO

import obstore
from obstore.exceptions import AlreadyExistsError, BaseError, NotFoundError
from obstore.store import LocalStore, ObjectStore, from_url

from libs.common import clock
from libs.common.errors import BlobCorrupt, BlobMissing, StorageFault, Unavailable
from libs.common.names import TENANT
from libs.common.settings import BadSetting

STREAM_CHUNK_BYTES = 1 << 20  # what one read of a stream holds in memory
# Collection leaves what was used lately. To write each use down would cost a write a use, so what was used
# within this time is not written down again; grace periods are longer (docs/adr/0014).
RENEW_AFTER = timedelta(hours=1)
RENEW_NOTE_AFTER = timedelta(days=1)  # notes live for weeks
WRITES_AT_ONCE = 16  # files that are written at the same time share the disk's own waits
LOOKS_AT_ONCE = 32  # a bucket answers that many beside each other
# Folders of a tenant.
BLOBS, NOTES, USES = "sha256", "notes", "uses"
_CHECKSUM_BYTES = 32  # SHA-256 of a note's value, before it
_DIGEST = re.compile(r"sha256:[0-9a-f]{64}")


@dataclass(frozen=True, slots=True)
class Blob:
    """Digest (`sha256:…`) and length of some stored bytes."""

    digest: str
    size: int


class Blobs:
    """Puts, gets and streams blobs by digest; a blob is immutable, so "exists" is enough to skip work.

    Keys are `<area>/<tenant>/sha256/<2 digits>/<62 digits>`; notes (`note_put`, `note_get`) are small values
    under a name that is itself a digest of what they were computed from, after their own checksum. Whoever
    asks whether a blob exists will rely on it, so the question makes it young again for collection: in a
    directory the file itself, in a bucket an empty object beside it, since nothing there can be touched.
    A store that does not answer, is full or refuses is `Unavailable`: what was asked may go better next time.
    """

    def __init__(self, url: str, area: str, now: clock.Clock = clock.now) -> None:
        """Open the store; a `file://` directory is made when missing. `area` keeps services apart."""
        self.area = area
        self._now = now
        self._root: Path | None = None
        # Waits for the disk take no thread from those that compute.
        self._writers = ThreadPoolExecutor(WRITES_AT_ONCE, "blob-writer")
        if url.startswith("file://"):
            self._root = Path(url.removeprefix("file://"))
            with answering():
                self._root.mkdir(parents=True, exist_ok=True)
                self._identity = _identity(self._root)
                self.store: ObjectStore = LocalStore(self._root)
        else:
            self.store = _remote(url)

    def _key(self, tenant: str, digest: str, folder: str = BLOBS) -> str:
        # Digests come in messages: one that is none must not lead to another place, such as another tenant's.
        if not TENANT.fullmatch(tenant) or not _DIGEST.fullmatch(digest):
            raise ValueError(f"not a blob name: {tenant!r} {digest!r}")
        return f"{self.area}/{tenant}/{folder}/{digest[7:9]}/{digest[9:]}"

    def local_path(self, tenant: str, digest: str) -> Path | None:
        """Return the blob's file where the store is a directory."""
        return None if self._root is None else self._root / self._key(tenant, digest)

    async def put(self, tenant: str, data: bytes, digest: str | None = None) -> Blob:
        """Store `data` unless it is there; `digest` saves hashing where the caller has just done it."""
        if digest is None:
            digest = "sha256:" + hashlib.sha256(data).hexdigest()
        key = self._key(tenant, digest)
        if self._root is not None:
            loop = asyncio.get_running_loop()
            with answering():
                await loop.run_in_executor(self._writers, self._put_file, key, data)
        elif not await self.exists(tenant, digest):
            with answering(), contextlib.suppress(AlreadyExistsError):
                await obstore.put_async(self.store, key, data, mode="create")
        return Blob(digest, len(data))

    async def put_all(self, tenant: str, several: Iterable[bytes]) -> list[Blob]:
        """Store several at once, in one wait for the disk rather than one for each; return them in order."""
        return await asyncio.gather(*(self.put(tenant, data) for data in several))

    async def put_known(self, tenant: str, several: Mapping[str, bytes]) -> None:
        """Store several whose digests, under which they come, the caller has just computed or checked."""
        await asyncio.gather(*(self.put(tenant, data, digest) for digest, data in several.items()))

    def _put_file(self, key: str, data: bytes) -> None:
        assert self._root is not None  # asked by the caller
        try:
            self._use_file(key)
        except FileNotFoundError:
            self._check_place()
            _write_durably(self._root / key, data)

    def _check_place(self) -> None:
        """Refuse a folder that is another than at the start.

        Where a disk was unmounted its mount point is an empty folder: what would be written there is out of
        sight once the disk is back, and what lies on the disk would pass for lost.
        """
        if self._root is None:
            return
        try:
            is_same = _identity(self._root) == self._identity
        except FileNotFoundError as error:
            raise StorageFault(dependency="the blob store", reason="its folder is gone") from error
        if not is_same:
            reason = "its folder is another than the one that was opened"
            raise StorageFault(dependency="the blob store", reason=reason)

    async def exists(self, tenant: str, digest: str) -> bool:
        """Say whether the blob is there; one that is counts as used now."""
        key = self._key(tenant, digest)
        with answering(), contextlib.suppress(NotFoundError, FileNotFoundError):
            if self._root is not None:
                self._use_file(key)
                return True
            found = await obstore.head_async(self.store, key)
            if self._is_old(found["last_modified"], RENEW_AFTER):
                await self._write_use(self._key(tenant, digest, USES))
            return True
        return False

    async def missing(self, tenant: str, digests: Sequence[str]) -> frozenset[str]:
        """Return which of many blobs are not there; those that are count as used now."""
        keys = {digest: self._key(tenant, digest) for digest in digests}
        if self._root is not None:
            with answering():
                return await asyncio.to_thread(self._missing_files, keys)
        names = list(keys)
        lacking: set[str] = set()
        for start in range(0, len(names), LOOKS_AT_ONCE):
            some = names[start : start + LOOKS_AT_ONCE]
            there = await asyncio.gather(*(self.exists(tenant, digest) for digest in some))
            lacking |= {digest for digest, is_there in zip(some, there, strict=True) if not is_there}
        return frozenset(lacking)

    def _missing_files(self, keys: Mapping[str, str]) -> frozenset[str]:
        lacking = set()
        for digest, key in keys.items():
            try:
                self._use_file(key)
            except FileNotFoundError:
                lacking.add(digest)
        return frozenset(lacking)

    def _use_file(self, key: str) -> None:
        assert self._root is not None  # asked by the caller
        path = self._root / key
        if self._is_old(datetime.fromtimestamp(path.stat().st_mtime, UTC), RENEW_AFTER):
            os.utime(path)

    async def _write_use(self, key: str) -> None:
        with contextlib.suppress(NotFoundError, FileNotFoundError):
            used = await obstore.head_async(self.store, key)
            if not self._is_old(used["last_modified"], RENEW_AFTER):
                return
        await obstore.put_async(self.store, key, b"")

    def _is_old(self, modified: datetime, age: timedelta) -> bool:
        return self._now() - modified > age

    async def size(self, tenant: str, digest: str) -> int | None:
        """Return the blob's length, or None where it is missing."""
        key = self._key(tenant, digest)
        with answering(), contextlib.suppress(NotFoundError, FileNotFoundError):
            if self._root is not None:
                return (self._root / key).stat().st_size
            return (await obstore.head_async(self.store, key))["size"]
        return None

    async def get(self, tenant: str, digest: str) -> bytes:
        """Return the whole blob, checked against its digest."""
        return (await self.get_all(tenant, [digest]))[0]

    async def get_all(self, tenant: str, digests: Sequence[str]) -> list[bytes]:
        """Return several at once, in order."""
        keys = {digest: self._key(tenant, digest) for digest in digests}
        if self._root is not None:
            return await asyncio.to_thread(self._read_files, keys, digests)
        return await asyncio.gather(*(self._get(keys[digest], digest) for digest in digests))

    def _read_files(self, keys: Mapping[str, str], digests: Sequence[str]) -> list[bytes]:
        return [self._read_file(keys[digest], digest) for digest in digests]

    def _read_file(self, key: str, digest: str) -> bytes:
        assert self._root is not None  # asked by the caller
        with answering(digest):
            self._check_place()
            data = (self._root / key).read_bytes()
        return _proven(data, digest)

    async def _get(self, key: str, digest: str) -> bytes:
        with answering(digest):
            result = await obstore.get_async(self.store, key)
            data = bytes(await result.bytes_async())
        return _proven(data, digest)

    async def stream(self, tenant: str, digest: str, start: int, length: int) -> AsyncIterator[bytes]:
        """Yield `length` bytes from `start` in chunks; the receiver checks the digest of the whole."""
        key = self._key(tenant, digest)
        end = start + length
        while start < end:
            size = min(STREAM_CHUNK_BYTES, end - start)
            with answering(digest):
                self._check_place()
                chunk = bytes(await obstore.get_range_async(self.store, key, start=start, length=size))
            if len(chunk) != size:
                raise BlobCorrupt(digest=digest)
            yield chunk
            start += size

    async def delete(self, tenant: str, digest: str) -> None:
        """Remove the blob; one that is not there is fine."""
        key = self._key(tenant, digest)
        with answering(), contextlib.suppress(NotFoundError, FileNotFoundError):
            await obstore.delete_async(self.store, key)

    async def note_put(self, tenant: str, name: str, value: bytes) -> None:
        """Remember a small value under the digest of what it was computed from.

        A note saves work and no more, so nothing waits until it would outlive a power cut.
        """
        key = self._key(tenant, name, NOTES)
        data = hashlib.sha256(value).digest() + value
        with answering():
            if self._root is None:
                await obstore.put_async(self.store, key, data)
                return
            self._check_place()
            loop = asyncio.get_running_loop()
            await loop.run_in_executor(self._writers, _write, self._root / key, data)

    async def note_get(self, tenant: str, name: str) -> bytes | None:
        """Return a remembered value, or None; one that is damaged counts as none."""
        return (await self.notes_get(tenant, [name]))[0]

    async def notes_get(self, tenant: str, names: Sequence[str]) -> list[bytes | None]:
        """Return many remembered values, in order."""
        keys = [self._key(tenant, name, NOTES) for name in names]
        if self._root is not None:
            with answering():
                self._check_place()
                return await asyncio.to_thread(lambda: [self._read_note_file(key) for key in keys])
        values: list[bytes | None] = []
        for start in range(0, len(keys), LOOKS_AT_ONCE):
            values += await asyncio.gather(*map(self._get_note, keys[start : start + LOOKS_AT_ONCE]))
        return values

    def _read_note_file(self, key: str) -> bytes | None:
        assert self._root is not None  # asked by the caller
        try:
            with (self._root / key).open("rb") as file:
                data = file.read()
                modified = datetime.fromtimestamp(os.fstat(file.fileno()).st_mtime, UTC)
        except FileNotFoundError:
            return None
        if self._is_old(modified, RENEW_NOTE_AFTER):
            with contextlib.suppress(FileNotFoundError):  # collected meanwhile
                os.utime(self._root / key)
        return _checked(data)

    async def _get_note(self, key: str) -> bytes | None:
        with answering(), contextlib.suppress(NotFoundError, FileNotFoundError):
            result = await obstore.get_async(self.store, key)
            data = bytes(await result.bytes_async())
            if self._is_old(result.meta["last_modified"], RENEW_NOTE_AFTER):
                await obstore.put_async(self.store, key, data)
            return _checked(data)
        return None


def _proven(data: bytes, digest: str) -> bytes:
    if "sha256:" + hashlib.sha256(data).hexdigest() != digest:
        raise BlobCorrupt(digest=digest)
    return data


def _checked(data: bytes) -> bytes | None:
    checksum, value = data[:_CHECKSUM_BYTES], data[_CHECKSUM_BYTES:]
    return value if hashlib.sha256(value).digest() == checksum else None


def _identity(folder: Path) -> tuple[int, int]:
    status = folder.stat()
    return status.st_dev, status.st_ino


def _remote(url: str) -> ObjectStore:
    try:
        return from_url(url)
    except (BaseError, ValueError) as error:
        reason = f"it names no store that is known ({type(error).__name__})"
        raise BadSetting(name="EXPORT_BLOBS_URL", reason=reason) from error


@contextlib.contextmanager
def answering(digest: str = "") -> Iterator[None]:
    """Turn the store's own errors into those of the catalogue; `digest` names a blob that should be there."""
    try:
        yield
    except (BaseError, OSError) as error:
        if digest and isinstance(error, (NotFoundError, FileNotFoundError)):
            raise BlobMissing(digest=digest) from error
        # Texts of a store may name machines and paths: they stay in the log, as the cause.
        if isinstance(error, OSError) and error.strerror:
            raise StorageFault(dependency="the blob store", reason=error.strerror) from error
        raise Unavailable(dependency="the blob store", reason=type(error).__name__) from error


def _write_durably(path: Path, data: bytes) -> None:
    """Write a file that is either whole or absent, and still there after a power cut."""
    _write(path, data, os.fsync)
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)  # the file's own `fsync` came before its name: a power cut could take that away
    finally:
        os.close(folder)


def _write(path: Path, data: bytes, keep: Callable[[int], object] | None = None) -> None:
    """Write a file under another name first, so that under its own it is whole; replace one that is there."""
    temporary = path.with_name(f".{path.name}.{secrets.token_hex(8)}")
    try:
        with _new_file(temporary) as file:
            file.write(data)
            file.flush()
            if keep is not None:
                keep(file.fileno())
        temporary.replace(path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise


def _new_file(path: Path) -> BinaryIO:
    """Open a file that is not there; its folder is made where it is missing, which is seldom."""
    try:
        return path.open("xb")
    except FileNotFoundError:
        path.parent.mkdir(parents=True, exist_ok=True)
        return path.open("xb")
