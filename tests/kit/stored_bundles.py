"""Puts made-up bundles into a blob store as the signer leaves them, in pieces of any size."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from stellaops.export.v1.digests_pb2 import BlobRef
from stellaops.export.v1.targets_pb2 import Target
from stellaops.export.work.v1.work_pb2 import BundleLayout, DistributeWork, WorkContext

from libs.common.blobs.store import Blob, Blobs
from libs.common.digests import sha256_digest

EXPORT_ID = "0123456789abcdef0123456789abcdef01234567"


@dataclass(frozen=True, slots=True)
class StoredFiles:
    """A bundle in a store."""

    manifest: Blob
    layout: Blob
    message: BundleLayout


async def store_files(
    blobs: Blobs, files: Mapping[str, bytes], tenant: str = "acme", piece_bytes: int = 100
) -> StoredFiles:
    """Store files in pieces, and the layout that joins them again."""
    made = BundleLayout()
    for path, data in sorted(files.items()):
        file = made.files.add(path=path, digest=sha256_digest(data), bytes=len(data))
        for start in range(0, len(data), piece_bytes):
            piece = await blobs.put(tenant, data[start : start + piece_bytes])
            file.pieces.add(digest=piece.digest, bytes=piece.size)
    layout = await blobs.put(tenant, made.SerializeToString(deterministic=True))
    manifest = files.get("export.json", b"")
    return StoredFiles(Blob(sha256_digest(manifest), len(manifest)), layout, made)


def distribute_work(
    stored: StoredFiles, run: str, tenant: str = "acme", attempt: int = 1, number: int = 1
) -> DistributeWork:
    """Return the message that a planner sends for the download that every run has."""
    return DistributeWork(
        context=WorkContext(tenant=tenant, run=run, attempt=attempt, number=number),
        target=Target(id="download", driver="http"),
        manifest=BlobRef(digest=stored.manifest.digest, bytes=stored.manifest.size),
        layout=BlobRef(digest=stored.layout.digest, bytes=stored.layout.size),
        export_id=EXPORT_ID,
    )
