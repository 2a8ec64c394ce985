"""Writes the table of bad days from the cases that the tests prove."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from tests.bad_days.case import Case
from tests.bad_days.cases import archives, callers, clocks, files, profiles, starts, stores
from tests.bad_days.documents import BAD_DOCUMENTS
from tests.bad_days.rest import REQUESTS

_GOES_ON = (
    "Once what was away is back the suite goes on by itself, and a run that failed succeeds by "
    "`stella export run retry`. NATS alone needs a new start after its disk was full, which `stella up` "
    "gives its own."
)
_SECTIONS: tuple[tuple[str, str, Sequence[Case[Any]]], ...] = (
    ("Files that cannot be opened", "The import stops, and nothing of it is taken.", archives.CASES),
    ("Places that cannot be read", "", files.CASES),
    ("Who calls, and where", "", callers.CASES),
    ("Profiles, selectors, imports", "", profiles.CASES),
    ("Starts that fail", "", (*starts.QUICK, *starts.SLOW)),
    (
        "Disks, database and bus",
        _GOES_ON,
        stores.CASES,
    ),
    ("Clocks", "The clock of all services is moved while they run.", clocks.CASES),
)


def bad_days() -> str:
    """Return the generated part of the page."""
    parts = [_documents(), *(_section(*section) for section in _SECTIONS), _requests()]
    return "\n".join(parts)


def _table(headings: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [_row(headings), _row(["---"] * len(headings))]
    return "\n".join([*lines, *(_row(row) for row in rows)]) + "\n"


def _row(cells: Sequence[str]) -> str:
    return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"


def _said(text: str) -> str:
    """Return a line as it is seen; two backquotes, since lines hold single ones."""
    return f"`` {text} ``" if text else "-"


def _documents() -> str:
    rows = ((each.title, f"`{each.reason}`", _said(each.detail)) for each in BAD_DOCUMENTS)
    table = _table(("document", "reason", "detail"), rows)
    about = (
        "A document that cannot be taken is put aside with its place and its reason, the rest is imported, "
        "and the exit code is 0: `stella evidence status --quarantine` lists it. So it is by every door: "
        "files, folder, standard input, zip, tar, jsonl, jsonl.zst, REST, gRPC."
    )
    return f"## Documents that are put aside\n\n{about}\n\n{table}"


def _section(title: str, about: str, cases: Sequence[Case[Any]]) -> str:
    headings = ("what", "how it comes", "error", "hint", "exit", "kept")
    rows = (
        (case.title, case.how, _said(case.line), _said(case.way_out), str(int(case.exit_code)), case.kept)
        for case in cases
    )
    return f"## {title}\n\n" + (f"{about}\n\n" if about else "") + _table(headings, rows)


def _requests() -> str:
    headings = ("what", "how it comes", "status", "code", "message", "cure")
    rows = (
        (
            each.title,
            each.how,
            str(each.answer.status),
            f"`{each.answer.code}`",
            _said(each.answer.message),
            _said(each.answer.cure),
        )
        for each in REQUESTS
    )
    return "## Requests that REST refuses\n\n" + _table(headings, rows)
