"""Tables are aligned, safe to show, and the same every time."""

from __future__ import annotations

import pytest

from cli.stella.failures import CommandFailed
from cli.stella.show.table import Column, View, lay_out, lay_out_one
from cli.stella.show.text import cut, printable, width

VIEW = View(
    (
        Column("name", lambda record: str(record["name"])),
        Column("size", lambda record: str(record["size"]), right=True),
        Column("note", lambda record: str(record.get("note", "")), detail=True),
    ),
    lambda record: str(record["name"]),
    "",
)
RECORDS = [{"name": "a", "size": 5}, {"name": "東京", "size": 1234, "note": "x\ny"}]


def test_columns_are_aligned_by_what_is_seen() -> None:
    assert lay_out(VIEW.choose(()), RECORDS, headings=True, terminal_columns=None) == [
        "NAME  SIZE",
        "a        5",
        "東京  1234",
    ]


def test_headings_can_be_left_out() -> None:
    assert lay_out(VIEW.choose(()), RECORDS, headings=False, terminal_columns=None) == [
        "a        5",
        "東京  1234",
    ]


def test_columns_are_chosen_by_heading_and_order() -> None:
    assert ["SIZE" if column.right else column.heading for column in VIEW.choose(["size", "NAME"])] == [
        "SIZE",
        "name",
    ]


def test_an_unknown_column_names_those_there_are() -> None:
    with pytest.raises(CommandFailed) as caught:
        VIEW.choose(["colour"])
    assert "name, size, note" in caught.value.hint


def test_a_line_is_cut_where_the_terminal_ends() -> None:
    lines = lay_out(VIEW.choose(()), RECORDS, headings=True, terminal_columns=6)
    assert lines == ["NAME …", "a    …", "東京 …"]


def test_one_record_shows_all_and_keeps_lines_apart() -> None:
    assert lay_out_one(VIEW.columns, RECORDS[1]) == ["NAME  東京", "SIZE  1234", "NOTE  x", "      y"]


def test_nothing_is_a_dash() -> None:
    assert lay_out_one(VIEW.columns, RECORDS[0])[-1] == "NOTE  -"


def test_text_cannot_steer_the_terminal() -> None:
    assert printable("a\x1b[2Jb\u202ec") == "a\\x1b[2Jb\\u202ec"


def test_width_counts_columns() -> None:
    assert (width("東京"), width("e\u0301")) == (4, 1)


def test_a_cut_text_fits() -> None:
    assert cut("東京都", 4) == "東…"
