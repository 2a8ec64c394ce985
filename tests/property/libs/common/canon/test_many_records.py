"""Counts records, right and wrong, on which fast way, strict reader and reference writer agree."""

import os

import pytest

from libs.common.canon.decode import Reason
from tests.kit.canon_agreement import ANOTHER_ORDER, TAKEN, outcomes_of

RECORDS = int(os.environ.get("STELLA_CANON_RECORDS", "20000"))
SEED = int(os.environ.get("STELLA_CANON_SEED", "8785"))
FEW = 100_000  # so many take seconds in one process; more are shared out
PROCESSES = 1 if RECORDS <= FEW else os.cpu_count() or 1


@pytest.mark.timeout(0)  # millions of records are a matter of choice
def test_every_generated_record_has_one_outcome_both_ways() -> None:
    outcomes = outcomes_of(SEED, RECORDS, PROCESSES)
    print(f"{RECORDS:,} records, seed {SEED}: {dict(outcomes.most_common())}")  # noqa: T201 - `make canon` shows it
    assert sum(outcomes.values()) == RECORDS
    if RECORDS >= 20_000:
        assert set(outcomes) == {TAKEN, ANOTHER_ORDER, *Reason} - {Reason.TOO_LARGE}
