"""Delivers over HTTP: the bundle stays where it is, and the distributor's own doors give it out."""

from __future__ import annotations

from libs.common.blobs.store import Blobs
from services.distributor.drivers.base import Bundle, Delivered, Driver
from services.distributor.measure import check_pieces, measure_tar


class HttpDriver:
    """A bundle is delivered once all of it is there and the digest of its tar is known."""

    name = "http"

    async def deliver(self, bundle: Bundle, blobs: Blobs) -> Delivered:
        """Check that every blob is there and find the tar's digest, which is noted for the next time."""
        await check_pieces(blobs, bundle.tenant, bundle.layout)
        tar = await measure_tar(blobs, bundle.tenant, bundle.layout, bundle.layout_digest)
        return Delivered(tar.digest, tar.size, f"/api/export/runs/{bundle.run}/bundle", tar)


DRIVER: Driver = HttpDriver()
