"""The planner's housekeeping beside a planner under test, for a test that says when its turn is."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable

from prometheus_client import CollectorRegistry

from libs.common import clock
from libs.common.metrics import RunMetrics
from libs.common.rpc.client import ServiceIdentity, open_channel
from services.planner.housekeeping import Housekeeping, Keeping
from services.planner.sources.call import Call
from services.planner.sources.ledger import Ledger
from services.planner.transitions import Transitions
from tests.kit.planner import House


def _nobody() -> None:
    """Wake nobody: what is committed is found again."""


def housekeeping_of(house: House, ledger: Ledger) -> Housekeeping:
    """Return housekeeping with the settings of a planner."""
    transitions = Transitions(
        house.bus,
        clock.now,
        RunMetrics(CollectorRegistry()),
        wake_relay=house.planner.relay.wake,
        wake_dispatcher=_nobody,
    )
    keeping = Keeping(house.settings.keep_bundles_days, house.settings.retry_days)
    return Housekeeping(house.database, ledger, transitions, keeping)


class LedgerThatLooks(Ledger):
    """Looks, at the moment when evidence is let go of, what others see by then."""

    look: Callable[[], Awaitable[None]]

    async def release(self, call: Call, snapshot_id: str, holder: str) -> None:
        """Look, then release."""
        await self.look()
        await super().release(call, snapshot_id, holder)


@contextlib.asynccontextmanager
async def looking_ledger(house: House) -> AsyncIterator[LedgerThatLooks]:
    """Give such a ledger with a connection of its own."""
    channel = open_channel(house.settings.evidence_address, house.settings)
    try:
        yield LedgerThatLooks(channel, ServiceIdentity(house.settings.service_token_file))
    finally:
        await channel.close(None)


@contextlib.asynccontextmanager
async def housekeeping(house: House) -> AsyncIterator[Housekeeping]:
    """Give housekeeping with a connection to the evidence of its own."""
    channel = open_channel(house.settings.evidence_address, house.settings)
    try:
        yield housekeeping_of(house, Ledger(channel, ServiceIdentity(house.settings.service_token_file)))
    finally:
        await channel.close(None)
