"""Proves what the page of growth says of results: linear or not, bound met or not, always the same bytes."""

from __future__ import annotations

from typing import Any

from benchmarks.scale_page import fit, page, plot


def _row(records: int, seconds: float, peak: int) -> dict[str, Any]:
    names = (
        "import",
        "export",
        "export again, unchanged",
        "import 0.1% changed",
        "export 0.1% changed",
        "verify",
    )
    return {
        "evidence": "made-up",
        "records": records,
        "taken": records,
        "plain_bytes": records * 10_000,
        "bundle_bytes": records * 900,
        "segments": records // 50,
        "differing_segments": 3,
        "changed_records": 5,
        "steps": {name: {"seconds": seconds, "cpu": seconds / 2} for name in names},
        "runs": {"export": seconds, "export again, unchanged": seconds / 8},
        "peaks": {"services.evidence": peak},
        "machine": "a machine",
        "revision": "abc",
    }


def test_points_on_a_line_fit_it_wholly() -> None:
    assert fit([(1, 3.0), (2, 5.0), (4, 9.0)]) > 0.999999


def test_points_on_a_parabola_do_not() -> None:
    assert fit([(1, 1.0), (2, 4.0), (4, 16.0), (8, 64.0)]) < 0.97


def test_twice_the_time_for_twice_the_records_is_linear() -> None:
    assert "| import | 1.0000 | 1.00 | 1.00 | yes |" in page([_row(100, 5, 1), _row(200, 10, 1)])


def test_four_times_the_time_for_twice_the_records_is_not() -> None:
    assert "| import | 1.0000 | 2.00 | 2.00 | no |" in page([_row(100, 5, 1), _row(200, 20, 1)])


def test_a_run_again_is_told_as_a_share_of_the_first() -> None:
    assert "| export again, unchanged | 0.62 (12.5%) | 1.25 (12.5%) |" in page(
        [_row(100, 5, 1), _row(200, 10, 1)]
    )


def test_a_process_over_the_bound_is_named() -> None:
    text = page([_row(100, 5, 200_000_000), _row(200, 10, 301_000_000)])
    assert "| services.evidence | 200 | 301 | **not met** |" in text


def test_a_process_at_the_bound_meets_it() -> None:
    assert "| services.evidence | 300 | met |" in page([_row(100, 5, 300_000_000)])


def test_the_same_results_give_the_same_plot() -> None:
    rows = [_row(100, 5, 1), _row(200, 10, 1)]
    assert plot(rows) == plot(rows)
