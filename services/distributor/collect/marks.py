"""Reads what roots name: each layout, and every blob that it says a bundle consists of."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncGenerator, Collection

from google.protobuf.message import DecodeError
from stellaops.export.work.v1.work_pb2 import BundleLayout

from libs.common.blobs.store import Blobs
from libs.common.digests import BadDigest, digest_hex, parse_digest
from libs.common.errors import BlobCorrupt, BlobMissing
from services.distributor.store.roots import Root

_log = logging.getLogger(__name__)


async def named_by(blobs: Blobs, tenant: str, roots: Collection[Root]) -> AsyncGenerator[list[bytes], None]:
    """Yield the digests that each root names, its own among them.

    Of a bundle whose layout cannot be read nobody knows what it needs: then nothing may go, and the error
    says why. A delivery whose layout cannot be read fails for that very reason, so it needs nothing more.
    """
    for root in sorted(roots, key=lambda root: root.layout):
        try:
            yield await asyncio.to_thread(_digests, root.layout, await blobs.get(tenant, root.layout))
        except (BlobMissing, BlobCorrupt) as error:
            if root.is_bundle:
                raise
            fields = {"tenant": tenant, "layout": root.layout, "error": str(error)}
            _log.warning("layout of a delivery cannot be read", extra={"fields": fields})
            yield [_bytes(root.layout)]


def _digests(layout: str, raw: bytes) -> list[bytes]:
    try:
        message = BundleLayout.FromString(raw)
        pieces = [piece.digest for file in message.files for piece in file.pieces]
        return [_bytes(digest) for digest in (layout, *pieces)]
    except (DecodeError, BadDigest) as error:
        raise BlobCorrupt(digest=layout) from error


def _bytes(digest: str) -> bytes:
    return bytes.fromhex(digest_hex(parse_digest(digest)))
