"""Collects the blobs of every tenant, again and again, beside everything else."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
from dataclasses import asdict, replace
from datetime import timedelta

from libs.common.blobs.store import RENEW_AFTER
from libs.common.errors import ExportError, InvalidField, Unavailable
from libs.common.log import unit_of_work
from libs.common.metrics import CollectionMetrics
from libs.common.tasks import is_told_to_end
from services.distributor.collect.collector import Collector, Tally, Wish

# A use is written down when the last one is an hour old. So a shorter grace would pass over uses within it.
LEAST_GRACE = 2 * RENEW_AFTER
LEAST_HOURS = LEAST_GRACE // timedelta(hours=1)
MOST_SECONDS = 20.0  # a caller waits for its answer; what is left is for the next call

_log = logging.getLogger(__name__)


class Collections:
    """Collects again and again, and on request; the log has a line for each collection."""

    def __init__(self, collector: Collector, wish: Wish, metrics: CollectionMetrics) -> None:
        """Take what collects, and how it does where nobody asks otherwise."""
        self._collector = collector
        self._wish = wish
        self._metrics = metrics
        self._turn = asyncio.Lock()  # each takes two of the pool's few connections

    async def run(self, pause: timedelta) -> None:
        """Collect every tenant after each pause, until cancelled; what is away only delays.

        The first pause comes first: deliveries that waited for this process begin in it.
        """
        while not is_told_to_end():
            await asyncio.sleep(pause.total_seconds())
            try:
                for tenant in await self._collector.tenants():
                    await self._collect(tenant)
            except ExportError as error:
                _log.warning("collection waits", extra={"fields": {"error": str(error)}})

    async def _collect(self, tenant: str) -> None:
        """Collect one tenant; a fault there keeps nobody from the others."""
        with contextlib.suppress(ExportError):  # its line is in the log
            await self._one(tenant, self._wish)

    async def now(self, tenant: str, grace_seconds: int | None, *, is_trial: bool) -> Tally:
        """Collect one tenant within the time that a call has; an absent grace means the usual one."""
        grace = self._wish.grace if grace_seconds is None else timedelta(seconds=grace_seconds)
        if timedelta(0) < grace < LEAST_GRACE:
            reason = f"uses are written down once an hour at most, so it is 0 or at least {LEAST_HOURS} hours"
            raise InvalidField(field="grace_seconds", reason=reason)
        if self._turn.locked():
            raise Unavailable(dependency="collection", reason="another one is at work")
        wish = replace(self._wish, grace=grace, is_trial=is_trial, most_seconds=MOST_SECONDS)
        tally = await self._one(tenant, wish)
        if tally is None:
            raise Unavailable(dependency="collection", reason="another one of this tenant is at work")
        return tally

    async def _one(self, tenant: str, wish: Wish) -> Tally | None:
        """Collect one tenant; None where another process is at it."""
        fields = {"tenant": tenant, "stage": "collect", "is_trial": wish.is_trial}
        began, outcome = time.perf_counter(), "error"
        try:
            with unit_of_work(_log, "collected", **fields) as line:
                async with self._turn:
                    tally = await self._collector.collect(tenant, wish)
                line["outcome"] = outcome = "busy" if tally is None else "ok"
                if tally is not None:
                    line.update({name: value for name, value in asdict(tally).items() if name != "digests"})
        finally:
            self._metrics.ended(outcome, time.perf_counter() - began)
        if tally is not None and not wish.is_trial:
            self._metrics.removed(tally.collected, tally.collected_bytes)
        return tally
