"""Reads the two lines with which a process of the suite says why it cannot start."""

from __future__ import annotations

import re
from dataclasses import dataclass

from cli.stella.exit_codes import ExitCode

_FAULT = re.compile(r"^error: (?P<message>.+) \((?P<code>ERR_[A-Z_]+)\)\nhint: (?P<hint>.+)$", re.MULTILINE)
_EXIT_CODES = {
    "ERR_EXPORT_UNAVAILABLE": ExitCode.TRY_LATER,
    "ERR_EXPORT_STORAGE": ExitCode.TRY_LATER,
    "ERR_EXPORT_SETTING": ExitCode.USAGE,
    "ERR_EXPORT_KEY": ExitCode.USAGE,
}


@dataclass(frozen=True, slots=True)
class ToldFault:
    """What a process says: a sentence, its code, what to do, and the exit code that this means."""

    message: str
    code: str
    hint: str
    exit_code: ExitCode


def told_fault(said: str) -> ToldFault | None:
    """Return the last fault in the lines of a log, or None where they tell none."""
    found = list(_FAULT.finditer(said))
    if not found:
        return None
    last = found[-1]
    exit_code = _EXIT_CODES.get(last["code"], ExitCode.UNEXPECTED)
    return ToldFault(last["message"].rstrip("."), last["code"], last["hint"], exit_code)
