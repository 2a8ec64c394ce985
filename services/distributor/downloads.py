"""What can be downloaded of a run, each with digest and name: tar, file, all signatures in one object."""

from __future__ import annotations

import hashlib
import json
from collections.abc import AsyncGenerator
from dataclasses import dataclass

from prometheus_client import REGISTRY, CollectorRegistry

from libs.common.blobs.store import Blobs
from libs.common.bundle import layout as paths
from libs.common.db.engine import Database
from libs.common.digests import sha256_digest
from libs.common.errors import BundleNotFound, NotFound
from libs.common.http.kernel import FileRanges
from libs.common.metrics import DistributionMetrics
from libs.common.names import RUN
from services.distributor import content
from services.distributor.content import Content, FileContent, JoinedContent, LiteralContent, TarContent
from services.distributor.layouts import Layout, Layouts
from services.distributor.store import bundles
from services.distributor.store.bundles import StoredBundle

TAR_TYPE = "application/x-tar"
JSON_TYPE = "application/json"
_SHOWN_CHARACTERS = 255  # so much of a hostile path stands in an error: as long as a right one may be
_NOTE = b"export-center/signatures/v1\0"

# Members of the signatures object, in its order, and the files that they are.
SIGNATURE_MEMBERS = (
    ("manifestEnvelope", paths.MANIFEST_ENVELOPE),
    ("provenanceEnvelope", paths.PROVENANCE_ENVELOPE),
    ("sigstoreBundle", paths.SIGSTORE_BUNDLE),
)


@dataclass(frozen=True, slots=True)
class Representation:
    """What a request is answered with: bytes, their digest, what they are and what to call them."""

    content: Content
    digest: str
    media_type: str
    file_name: str

    @property
    def etag(self) -> str:
        """Return the strong entity tag."""
        return f'"{self.digest}"'


class Downloads:
    """Finds and reads what a tenant may download; whoever asks has been let in before."""

    def __init__(
        self, database: Database, blobs: Blobs, layouts: Layouts, registry: CollectorRegistry = REGISTRY
    ) -> None:
        """Take database and store."""
        self.metrics = DistributionMetrics(registry)
        self._database = database
        self._blobs = blobs
        self._layouts = layouts

    async def bundle(self, tenant: str, run: str) -> StoredBundle:
        """Return a run's bundle; whatever else there may be under such a name, it is not found."""
        if not RUN.fullmatch(run):
            raise BundleNotFound(name=run[:80])
        async with self._database.tenant(tenant) as connection:
            return await bundles.get(connection, tenant, run)

    async def layout(self, tenant: str, bundle: StoredBundle) -> Layout:
        """Return the files of a bundle."""
        return await self._layouts.get(tenant, bundle.layout_digest)

    async def tar(self, tenant: str, run: str) -> Representation:
        """Return the whole bundle."""
        bundle = await self.bundle(tenant, run)
        whole = TarContent(await self.layout(tenant, bundle))
        return Representation(whole, bundle.tar_digest, TAR_TYPE, f"{bundle.export_id}.tar")

    async def file(self, tenant: str, run: str, path: str) -> Representation:
        """Return one file of a bundle."""
        layout = await self.layout(tenant, await self.bundle(tenant, run))
        file = layout.by_path.get(path)
        if file is None:
            raise NotFound(resource="file of the bundle", name=path[:_SHOWN_CHARACTERS])
        name = path.rpartition("/")[2]
        return Representation(FileContent(file), file.digest, paths.content_type(path), name)

    async def signatures(self, tenant: str, run: str) -> Representation:
        """Return envelopes and Sigstore bundle in one JSON object, each member as its file is."""
        bundle = await self.bundle(tenant, run)
        layout = await self.layout(tenant, bundle)
        parts: list[Content] = []
        seed = hashlib.sha256(_NOTE)
        for member, path in SIGNATURE_MEMBERS:
            file = layout.by_path.get(path)
            if file is None:
                raise NotFound(resource="file of the bundle", name=path)
            parts.append(LiteralContent(f'{"," if parts else "{"}"{member}":'.encode("ascii")))
            parts.append(FileContent(file))
            seed.update(file.digest.encode("ascii"))
        whole = JoinedContent([*parts, LiteralContent(b"}")])
        digest = await self._noted_digest(tenant, f"sha256:{seed.hexdigest()}", whole)
        return Representation(whole, digest, JSON_TYPE, f"{bundle.export_id}.signatures.json")

    def read(self, tenant: str, whole: Content, start: int, length: int) -> AsyncGenerator[bytes, None]:
        """Yield a range in chunks of at most 1 MiB."""
        return content.read(self._blobs, tenant, whole, start, length)

    def refer(
        self, tenant: str, whole: Content, start: int, length: int
    ) -> AsyncGenerator[bytes | FileRanges, None]:
        """Yield a range as files for the kernel to send, and bytes between them."""
        return content.refer(self._blobs, tenant, whole, start, length)

    async def _noted_digest(self, tenant: str, seed: str, whole: Content) -> str:
        """Return the digest of a content, which is read once for each `seed` of what it is made from."""
        note = sha256_digest(seed.encode("ascii"))
        known = await self._blobs.note_get(tenant, note)
        if known is not None:
            return str(json.loads(known)["digest"])
        hasher = hashlib.sha256()
        async for chunk in self.read(tenant, whole, 0, whole.size):
            hasher.update(chunk)
        digest = f"sha256:{hasher.hexdigest()}"
        await self._blobs.note_put(tenant, note, json.dumps({"digest": digest}).encode("ascii"))
        return digest
