"""Holds the page on canonical JSON to the constants in code."""

from pathlib import Path

import pytest

from libs.common.canon.decode import (
    MAX_DEPTH,
    MAX_NUMBER_CHARACTERS,
    MAX_RECORD_BYTES,
    MAX_RECORD_VALUES,
    Reason,
)
from libs.common.segments.cut import HARD_CAP_BYTES, HARD_CAP_RECORDS, PART_EXTRA_BITS, SEGMENT_BITS

ROOT = Path(__file__).parents[5]
PAGE = (ROOT / "docs" / "modules" / "export-center" / "canonical-json.md").read_text("utf-8")


def test_page_lists_every_reason_in_order() -> None:
    table = PAGE[PAGE.index("| reason |") : PAGE.index("`9.80`")]
    rows = [line.split("|")[1].strip() for line in table.splitlines()[2:] if line]
    assert rows == [f"`{reason}`" for reason in Reason]


@pytest.mark.parametrize(
    "stated",
    [
        f"more than {MAX_DEPTH} levels",
        f"more than {MAX_NUMBER_CHARACTERS} characters",
        f"more than {MAX_RECORD_BYTES:,} bytes",
        f"about {MAX_RECORD_VALUES:,} values",
        f"{HARD_CAP_BYTES:,} bytes",
        f"{HARD_CAP_RECORDS:,} records",
        f"{PART_EXTRA_BITS} more",
        ", ".join(f"`{kind}` {bits}" for kind, bits in SEGMENT_BITS.items()),
    ],
)
def test_page_states_the_constant(stated: str) -> None:
    assert stated in PAGE
