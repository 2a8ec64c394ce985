"""Kills, stops and restarts at named points and at random leave nothing behind but a delay."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.chaos.__main__ import fresh_seeds, run
from tests.chaos.failed import failed_seeds

FRESH = 15


@pytest.mark.timeout(900)
def test_fresh_seeds_and_every_seed_that_ever_failed_contradict_no_invariant(tmp_path: Path) -> None:
    seeds = [*failed_seeds(), *fresh_seeds(FRESH)]
    played = run(seeds, 3, tmp_path)
    assert len(played) == len(seeds)
    assert [f"seed {one.schedule.seed}: {one.schedule}: {one.faults}" for one in played if one.faults] == []
    assert any(one.happened for one in played)
