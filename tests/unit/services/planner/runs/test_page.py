"""The page on runs says what the code does."""

from __future__ import annotations

from pathlib import Path

import pytest

from services.planner.runs.events import TERMINAL, Type
from services.planner.runs.machine import MAX_NUMBER
from services.planner.runs.plan import ENOUGH_SHARDS, EXPORT_ID_DIGITS, MAX_RANGES
from services.planner.runs.values import State
from tests.kit.machine import transitions

PAGE = (Path(__file__).resolve().parents[5] / "docs/modules/export-center/runs.md").read_text(
    encoding="utf-8"
)


def between(begin: str, end: str) -> str:
    return PAGE.split(begin, 1)[1].split(end, 1)[0].strip()


def test_the_table_of_transitions_is_that_of_the_machine() -> None:
    assert between("<!-- transitions: begin -->", "<!-- transitions: end -->") == transitions()


@pytest.mark.parametrize("state", State)
def test_every_state_is_explained(state: State) -> None:
    assert f"| `{state}` |" in between("## States", "## Transitions")


@pytest.mark.parametrize("kind", Type)
def test_every_event_is_explained(kind: Type) -> None:
    row = next(line for line in between("## Events", "##").splitlines() if line.startswith(f"| `{kind}`"))
    assert ("terminal" in row) == (kind in TERMINAL)


@pytest.mark.parametrize(
    "limit",
    [f"{MAX_NUMBER} times", f"first {EXPORT_ID_DIGITS}", f"{ENOUGH_SHARDS} shards", f"{MAX_RANGES} ranges"],
)
def test_limits_are_those_of_the_code(limit: str) -> None:
    assert limit in PAGE
