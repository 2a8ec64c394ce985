"""Lays rows out as a table for people: aligned, on one line each, cut only where a terminal ends."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from cli.stella.failures import wrong_usage
from cli.stella.show.text import cut, printable, width

GAP = "  "
NONE = "-"
Record = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Column:
    """One column: its heading and how a record fills it; numbers stand at the right."""

    heading: str
    of: Callable[[Record], str]
    right: bool = False
    detail: bool = False  # shown for one record alone, or when asked for


@dataclass(frozen=True, slots=True)
class View:
    """How records of one type are shown; `name` is what other commands take as the argument."""

    columns: tuple[Column, ...]
    name: Callable[[Record], str]
    empty: str

    def choose(self, headings: Sequence[str]) -> tuple[Column, ...]:
        """Return the columns with those headings, or the usual ones."""
        if not headings:
            return tuple(column for column in self.columns if not column.detail)
        known = {column.heading.lower(): column for column in self.columns}
        for heading in headings:
            if heading.lower() not in known:
                raise wrong_usage(
                    f"There is no column `{heading}`.", f"Columns here: {', '.join(known)}; see --columns."
                )
        return tuple(known[heading.lower()] for heading in headings)


def lay_out(
    columns: Sequence[Column], records: Sequence[Record], *, headings: bool, terminal_columns: int | None
) -> list[str]:
    """Return the lines of a table, the headings first."""
    rows = [[printable(column.of(record)) or NONE for column in columns] for record in records]
    if headings:
        rows.insert(0, [column.heading.upper() for column in columns])
    widths = [max((width(row[index]) for row in rows), default=0) for index in range(len(columns))]
    lines = [_line(row, columns, widths) for row in rows]
    return lines if terminal_columns is None else [cut(line, terminal_columns) for line in lines]


def _line(row: Sequence[str], columns: Sequence[Column], widths: Sequence[int]) -> str:
    cells = []
    for cell, column, wide in zip(row, columns, widths, strict=True):
        padding = " " * (wide - width(cell))
        cells.append(padding + cell if column.right else cell + padding)
    return GAP.join(cells).rstrip()


def lay_out_one(columns: Sequence[Column], record: Record) -> list[str]:
    """Return one record as a heading and a value a line."""
    wide = max((len(column.heading) for column in columns), default=0)
    lines = []
    for column in columns:
        parts = column.of(record).split("\n")
        lines.append(f"{column.heading.upper():<{wide}}{GAP}{printable(parts[0]) or NONE}".rstrip())
        lines += [f"{'':<{wide}}{GAP}{printable(part)}" for part in parts[1:]]
    return lines
