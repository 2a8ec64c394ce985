"""Counts records, right and wrong, on which fast way, strict reader and reference writer agree."""

import json
import os
import random
from collections import Counter
from collections.abc import Callable

import pytest
import rfc8785

from libs.common.canon.canonical import _canonical_strictly, canonical
from libs.common.canon.decode import MAX_SAFE_INTEGER, Reason, Rejected
from tests.kit.json_texts import record

RECORDS = int(os.environ.get("STELLA_CANON_RECORDS", "20000"))
SEED = int(os.environ.get("STELLA_CANON_SEED", "8785"))
TAKEN = "taken"


@pytest.mark.timeout(0)  # millions of records are a matter of choice
def test_every_generated_record_has_one_outcome_both_ways() -> None:
    outcomes = Counter(outcome(record(random.Random(f"{SEED}:{at}"))) for at in range(RECORDS))
    assert sum(outcomes.values()) == RECORDS
    if RECORDS >= 20_000:
        assert set(outcomes) == {TAKEN, *Reason} - {Reason.TOO_LARGE}


def outcome(raw: bytes) -> str:
    """Return `taken` or the reason of the rejection, having checked that all ways agree."""
    fast, strict = attempt(canonical, raw), attempt(_canonical_strictly, raw)
    assert fast == strict, raw
    if fast[0] != TAKEN:
        return fast[0]
    assert rfc8785.dumps(json.loads(raw, parse_int=integer)).decode() == fast[1], raw
    return TAKEN


def attempt(read: Callable[[bytes], tuple[bytes, object]], raw: bytes) -> tuple[str, ...]:
    try:
        written, value = read(raw)
    except Rejected as rejected:
        return rejected.reason, rejected.detail
    return TAKEN, written.decode(), repr(value)


def integer(literal: str) -> float:
    """Give the reference writer a large integer as the double that it is in JSON."""
    return int(literal) if abs(int(literal)) <= MAX_SAFE_INTEGER else float(literal)
