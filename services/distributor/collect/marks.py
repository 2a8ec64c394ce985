"""Reads what roots name: each layout, and every blob that it says a bundle consists of."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Collection
from dataclasses import dataclass

from google.protobuf.message import DecodeError
from stellaops.export.work.v1.work_pb2 import BundleLayout

from libs.common.blobs.store import Blobs
from libs.common.digests import BadDigest, digest_hex, parse_digest
from libs.common.errors import BlobCorrupt, BlobMissing, ExportError
from services.distributor.store.roots import Root


@dataclass(frozen=True, slots=True)
class Named:
    """The digests that a root names, its own among them; of one that cannot be read its own alone."""

    root: Root
    digests: list[bytes]
    fault: ExportError | None = None


async def named_by(blobs: Blobs, tenant: str, roots: Collection[Root]) -> AsyncGenerator[Named, None]:
    """Yield what each root names.

    Of a bundle whose layout cannot be read nobody knows what it needs: then nothing may go, and the error
    says why. A delivery whose layout cannot be read fails for that very reason, unless it is put back first.
    """
    for root in sorted(roots, key=lambda root: root.layout):
        try:
            raw = await blobs.get(tenant, root.layout)
            yield Named(root, await asyncio.to_thread(_digests, root.layout, raw))
        except (BlobMissing, BlobCorrupt) as error:
            if root.is_bundle:
                raise
            yield Named(root, [_bytes(root.layout)], error)


def _digests(layout: str, raw: bytes) -> list[bytes]:
    try:
        message = BundleLayout.FromString(raw)
        pieces = [piece.digest for file in message.files for piece in file.pieces]
        return [_bytes(digest) for digest in (layout, *pieces)]
    except (DecodeError, BadDigest) as error:
        raise BlobCorrupt(digest=layout) from error


def _bytes(digest: str) -> bytes:
    return bytes.fromhex(digest_hex(parse_digest(digest)))
