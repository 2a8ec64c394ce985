"""Holds the fast way, the strict reader and the reference writer against one another, record by record."""

import json
import random
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context

import rfc8785

from libs.common.canon.canonical import _canonical_strictly, canonical
from libs.common.canon.decode import MAX_SAFE_INTEGER, Rejected
from tests.kit.json_texts import record

TAKEN = "taken"
ANOTHER_ORDER = "taken, and UTF-16 orders its members otherwise than code points do"
BATCH = 10_000
TOLD_AFTER = 10  # batches: an interrupted run has said how far it came


class DisagreementError(AssertionError):
    """Two ways of reading or writing one record came to different ends."""


def outcomes_of(seed: int, count: int, processes: int) -> Counter[str]:
    """Return how many of `count` generated records ended how, having checked that all ways agree on each."""
    batches = [(seed, start, min(start + BATCH, count)) for start in range(0, count, BATCH)]
    if processes == 1:
        return sum(map(_batch, batches), Counter())
    # A fresh interpreter each: the caller may have threads, and a fork would copy them halfway.
    total: Counter[str] = Counter()
    with ProcessPoolExecutor(processes, mp_context=get_context("spawn")) as pool:
        for number, counted in enumerate(pool.map(_batch, batches), 1):
            total += counted
            if number % TOLD_AFTER == 0:
                print(f"{total.total():,} of {count:,} records agree", flush=True)  # noqa: T201 - `make canon` shows it
    return total


def _batch(batch: tuple[int, int, int]) -> Counter[str]:
    seed, start, end = batch
    return Counter(outcome(record(random.Random(f"{seed}:{at}"))) for at in range(start, end))


def outcome(raw: bytes) -> str:
    """Return `taken` or the reason of the rejection; raise where the ways disagree."""
    fast, strict = _attempt(canonical, raw), _attempt(_canonical_strictly, raw)
    if fast != strict:
        raise DisagreementError(f"{raw!r}: {fast} one way, {strict} the other")
    if fast[0] != TAKEN:
        return fast[0]
    value = json.loads(raw, parse_int=_integer)
    if rfc8785.dumps(value).decode() != fast[1]:
        raise DisagreementError(f"{raw!r}: the reference writer does not give {fast[1]}")
    by_code_point = json.dumps(value, sort_keys=True, ensure_ascii=False, separators=(",", ":"))
    return TAKEN if _names(by_code_point) == _names(fast[1]) else ANOTHER_ORDER


def _attempt(read: Callable[[bytes], tuple[bytes, object]], raw: bytes) -> tuple[str, ...]:
    try:
        written, value = read(raw)
    except Rejected as rejected:
        return rejected.reason, rejected.detail
    return TAKEN, written.decode(), repr(value)


def _integer(literal: str) -> float:
    """Give the reference writer a large integer as the double that it is in JSON."""
    return int(literal) if abs(int(literal)) <= MAX_SAFE_INTEGER else float(literal)


def _names(text: str) -> list[str]:
    found: list[str] = []
    json.loads(text, object_pairs_hook=lambda pairs: found.extend(name for name, _ in pairs))
    return found
