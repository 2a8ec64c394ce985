"""Carries out one delivery: state, driver, outcome; done twice it gives the same answer."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from libs.common.blobs.collecting import Area
from libs.common.blobs.store import Blob, Blobs
from libs.common.clock import Clock
from libs.common.db.engine import Database
from libs.common.errors import ExportError, Internal
from libs.common.points import reached
from services.distributor import targets
from services.distributor.drivers.base import Bundle, Delivered, Driver
from services.distributor.layouts import Layout, Layouts
from services.distributor.store import bundles, distributions, installation, roots
from services.distributor.store.bundles import StoredBundle
from services.distributor.targets import Fault, Order, Outcome, Target


@dataclass(frozen=True, slots=True)
class BundleOrder:
    """Which bundle goes to which target."""

    tenant: str
    order: Order
    export_id: str
    manifest: Blob
    layout: Blob


class Deliveries:
    """Bundle and outcome are written in one transaction, after the driver is done: all of it or nothing."""

    def __init__(
        self,
        database: Database,
        blobs: Blobs,
        layouts: Layouts,
        drivers: Mapping[str, Driver],
        clock: Clock,
    ) -> None:
        """Take what deliveries need."""
        self._database = database
        self._blobs = blobs
        self._layouts = layouts
        self._drivers = drivers
        self._clock = clock
        self._is_ours = False  # the area of the store

    async def deliver(self, wanted: BundleOrder) -> Outcome | None:
        """Return what the target has now, or None where a later attempt of the run has begun."""
        begun = await self._begin(wanted)
        reached("distributor.begun")
        if begun is None:
            return None
        if begun.outcome is not None:
            return begun.outcome
        driver = self._drivers.get(wanted.order.driver)
        if driver is None:
            raise Internal(part="the distributor", reason=f"it has no driver `{wanted.order.driver}`")
        bundle = Bundle(
            wanted.tenant,
            wanted.order.run,
            wanted.export_id,
            wanted.manifest,
            wanted.layout.digest,
            await self._layout(wanted),
        )
        delivered = await driver.deliver(bundle, self._blobs)
        reached("distributor.delivered")
        outcome = await self._succeed(wanted, begun, delivered)
        reached("distributor.committed")
        return outcome

    async def _begin(self, wanted: BundleOrder) -> Target | None:
        order = wanted.order
        async with self._database.tenant(wanted.tenant) as connection:
            # From the commit on collection keeps what the layout names; whether all of it is there is looked
            # at after that.
            await roots.share(connection, wanted.tenant)
            found = await distributions.find(connection, wanted.tenant, order.run, order.target, hold=True)
            if targets.is_late(found, order):
                return None
            if targets.is_done(found, order):
                return found
            begun = targets.begin(found, order, self._clock(), wanted.layout.digest)
            await distributions.save(connection, wanted.tenant, begun)
            return begun

    async def _layout(self, wanted: BundleOrder) -> Layout:
        """Read the layout while nothing is removed: whatever is removed later was read by collection, too."""
        async with self._database.tenant(wanted.tenant) as connection:
            await roots.share(connection, wanted.tenant)
            if not self._is_ours:
                await Area(self._blobs).claim(await installation.name(connection))
                self._is_ours = True
            layout = await self._layouts.get(wanted.tenant, wanted.layout.digest)
            # It may be remembered and yet be gone: then collection read nothing of it, and kept nothing.
            await self._blobs.get(wanted.tenant, wanted.layout.digest)
            return layout

    async def _succeed(self, wanted: BundleOrder, begun: Target, delivered: Delivered) -> Outcome | None:
        now = self._clock()
        order = wanted.order
        outcome = Outcome(delivered.digest, delivered.size, delivered.reference)
        async with self._database.tenant(wanted.tenant) as connection:
            found = await distributions.find(connection, wanted.tenant, order.run, order.target, hold=True)
            if targets.is_late(found, order):
                return None
            if delivered.tar is not None:
                stored = StoredBundle(
                    wanted.order.run,
                    wanted.order.attempt,
                    wanted.export_id,
                    wanted.manifest.digest,
                    wanted.layout.digest,
                    delivered.tar.digest,
                    delivered.tar.size,
                )
                await bundles.save(connection, wanted.tenant, stored, now)
            await distributions.save(connection, wanted.tenant, targets.succeed(begun, outcome, now))
        return outcome

    async def fail(self, wanted: BundleOrder, error: ExportError) -> None:
        """Write why a delivery failed; what has succeeded in this attempt, or is of a later one, stays."""
        order = wanted.order
        now = self._clock()
        async with self._database.tenant(wanted.tenant) as connection:
            found = await distributions.find(connection, wanted.tenant, order.run, order.target, hold=True)
            if targets.is_late(found, order) or targets.is_done(found, order):
                return
            fault = Fault(error.code, error.message, error.remedy)
            failed = targets.fail(found or targets.begin(None, order, now), fault, now)
            await distributions.save(connection, wanted.tenant, failed)
