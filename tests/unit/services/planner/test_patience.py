"""How long work waits for what is away."""

from __future__ import annotations

from libs.common.bus.worker import RETRY_DELAY_SECONDS
from services.adapter_host.intake import MAX_ATTEMPTS
from services.planner.intake import PLAN_ATTEMPTS
from services.planner.runs.machine import MAX_NUMBER


def waited(attempts: int) -> float:
    """Return the pauses between so many deliveries; after the last one there is none."""
    return sum(RETRY_DELAY_SECONDS * attempt for attempt in range(1, attempts))


def test_planning_outlasts_an_absence_of_the_evidence_that_shards_outlast() -> None:
    assert waited(PLAN_ATTEMPTS) >= MAX_NUMBER * waited(MAX_ATTEMPTS)
