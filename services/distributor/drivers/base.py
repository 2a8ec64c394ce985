"""What a driver is: it brings one bundle to one kind of target. One folder a driver, found by its name."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from libs.common.blobs.store import Blob, Blobs
from services.distributor.layouts import Layout


@dataclass(frozen=True, slots=True)
class Bundle:
    """A signed bundle as the store has it."""

    tenant: str
    run: str
    export_id: str
    manifest: Blob
    layout_digest: str
    layout: Layout


@dataclass(frozen=True, slots=True)
class Delivered:
    """What a target has now; `tar` is set by drivers that make the bundle downloadable from here."""

    digest: str
    size: int
    reference: str
    tar: Blob | None = None


class Driver(Protocol):
    """Delivers bundles. A folder `drivers/<name>/` has a module `driver` that ends with `DRIVER`."""

    @property
    def name(self) -> str:
        """Return the name that targets choose it by, a token of the bus subject as well."""

    async def deliver(self, bundle: Bundle, blobs: Blobs) -> Delivered:
        """Bring the bundle to its target and check that it is there; done again, it changes nothing.

        Raise `TargetFailed` where the target is at fault, another error of the catalogue where the bundle is.
        Cancelling the task is the way to stop it, so it waits often.
        """
