"""Decides where words go: data to standard output in the chosen form, everything else to standard error."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from cli.stella.show import machine
from cli.stella.show.progress import Progress, Unit, open_progress
from cli.stella.show.table import View, lay_out, lay_out_one
from cli.stella.show.text import printable

_BOLD, _RED, _GREEN, _YELLOW, _PLAIN = "\x1b[1m", "\x1b[31m", "\x1b[32m", "\x1b[33m", "\x1b[0m"


class Format(StrEnum):
    """The forms of data."""

    TABLE = "table"
    JSON = "json"
    YAML = "yaml"
    NAME = "name"


def coloured(stream: Any) -> bool:
    """Say whether colour is welcome there (https://no-color.org)."""
    return bool(stream.isatty()) and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"


@dataclass(frozen=True, slots=True)
class Output:
    """How one call wants to be answered."""

    format: Format = Format.TABLE
    columns: tuple[str, ...] = ()
    headings: bool = True
    quiet: bool = False

    def listing(self, document: Mapping[str, Any], records: Sequence[Mapping[str, Any]], view: View) -> None:
        """Write many records; `document` is the contract's own answer that holds them."""
        if self._for_machines(document):
            return
        if self.format is Format.NAME:
            _write([view.name(record) for record in records])
            return
        if not records:
            self.say(view.empty)
            return
        terminal = shutil.get_terminal_size().columns if sys.stdout.isatty() else None
        lines = lay_out(view.choose(self.columns), records, headings=self.headings, terminal_columns=terminal)
        if self.headings and coloured(sys.stdout):
            lines[0] = f"{_BOLD}{lines[0]}{_PLAIN}"
        _write(lines)

    def one(self, record: Mapping[str, Any], view: View) -> None:
        """Write one record in full."""
        if self._for_machines(record):
            return
        if self.format is Format.NAME:
            _write([view.name(record)])
            return
        columns = view.choose(self.columns) if self.columns else view.columns
        _write(lay_out_one(columns, record))

    def data(self, text: str) -> None:
        """Write a text that is the result itself."""
        sys.stdout.write(text if text.endswith("\n") else text + "\n")

    def _for_machines(self, document: Mapping[str, Any]) -> bool:
        if self.format is Format.JSON:
            sys.stdout.write(machine.to_json(document))
        elif self.format is Format.YAML:
            sys.stdout.write(machine.to_yaml(document))
        return self.format in (Format.JSON, Format.YAML)

    def say(self, text: str) -> None:
        """Tell a person something."""
        if not self.quiet:
            _talk(printable(text))

    def good(self, text: str) -> None:
        """Tell a person that something went well."""
        if not self.quiet:
            _talk(_paint(_GREEN, printable(text)))

    def warn(self, text: str, hint: str = "") -> None:
        """Tell a person what needs attention, quiet or not."""
        _talk(f"{_paint(_YELLOW, 'warning:')} {printable(text)}")
        if hint:
            _talk(f"hint: {printable(hint)}")

    def progress(self, label: str, unit: Unit) -> Progress:
        """Return something that shows how far the work is."""
        return open_progress(label, unit, sys.stderr, quiet=self.quiet)


def bad(text: str) -> str:
    """Return `text` in the colour of failures, where colour is welcome."""
    return _paint(_RED, text)


def _paint(colour: str, text: str) -> str:
    return f"{colour}{text}{_PLAIN}" if coloured(sys.stderr) else text


def _talk(line: str) -> None:
    sys.stderr.write(line + "\n")
    sys.stderr.flush()


def _write(lines: Sequence[str]) -> None:
    sys.stdout.write("".join(line + "\n" for line in lines))
