"""Ids."""

from __future__ import annotations

from datetime import UTC, datetime

from libs.common import ids, names


def test_run_ids_are_valid_distinct_and_sort_by_time() -> None:
    early = [ids.run_id(datetime(2026, 1, 1, tzinfo=UTC)) for _ in range(100)]
    late = ids.run_id(datetime(2026, 1, 1, 0, 0, 0, 1000, tzinfo=UTC))
    assert len(set(early)) == 100
    assert all(names.RUN.fullmatch(identity) for identity in (*early, late))
    assert max(early) < late
