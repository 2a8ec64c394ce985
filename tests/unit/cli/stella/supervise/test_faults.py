"""What a process says of its failed start is taken over; what it does not say is not made up."""

from __future__ import annotations

import pytest

from cli.stella.exit_codes import ExitCode
from cli.stella.supervise.faults import told_fault


@pytest.mark.parametrize(
    ("code", "exit_code"),
    [
        ("ERR_EXPORT_UNAVAILABLE", ExitCode.TRY_LATER),
        ("ERR_EXPORT_STORAGE", ExitCode.TRY_LATER),
        ("ERR_EXPORT_SETTING", ExitCode.USAGE),
        ("ERR_EXPORT_INTERNAL", ExitCode.UNEXPECTED),
    ],
)
def test_the_last_fault_is_taken_with_its_code_and_hint(code: str, exit_code: ExitCode) -> None:
    older = "error: Older. (ERR_EXPORT_INTERNAL)\nhint: Older.\n"
    said = f"{older}{{}}\nerror: X is away. ({code})\nhint: Check X.\nmore\n"
    told = told_fault(said)
    assert told is not None
    assert (told.message, told.code, told.hint, told.exit_code) == ("X is away", code, "Check X.", exit_code)


@pytest.mark.parametrize(
    "said", ["", "Traceback (most recent call last):\nValueError: x", "error: without a code"]
)
def test_a_log_without_a_fault_tells_none(said: str) -> None:
    assert told_fault(said) is None
