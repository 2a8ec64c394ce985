"""Exit codes are one table, told in the help and in the documentation."""

from __future__ import annotations

import pytest

from cli.stella.exit_codes import MEANINGS, ExitCode, of_status
from libs.common.errors import catalogue
from tests.kit.stella import REPOSITORY


def test_the_codes_are_those_that_scripts_rely_on() -> None:
    expected = {
        "OK": 0, "UNEXPECTED": 1, "USAGE": 2, "DENIED": 3, "NOT_FOUND": 4, "OFFLINE": 5,
        "VERIFICATION_FAILED": 6, "RUN_FAILED": 7, "TRY_LATER": 10, "INTERRUPTED": 130,
    }  # fmt: skip
    assert expected == {code.name: int(code) for code in ExitCode}


def test_every_code_has_a_meaning() -> None:
    assert set(ExitCode) == set(MEANINGS)


def test_the_documentation_has_the_table_of_the_enum() -> None:
    page = (REPOSITORY / "docs/modules/export-center/cli.md").read_text(encoding="utf-8")
    rows = "".join(f"| {int(code)} | {meaning} |\n" for code, meaning in MEANINGS.items())
    assert rows in page


@pytest.mark.parametrize(
    ("status", "expected"),
    [
        (400, ExitCode.USAGE),
        (401, ExitCode.DENIED),
        (403, ExitCode.DENIED),
        (404, ExitCode.NOT_FOUND),
        (412, ExitCode.USAGE),
        (429, ExitCode.TRY_LATER),
        (500, ExitCode.UNEXPECTED),
        (503, ExitCode.TRY_LATER),
    ],
)
def test_a_status_becomes_an_exit_code(status: int, expected: ExitCode) -> None:
    assert expected == of_status(status)


def test_what_the_catalogue_calls_retryable_is_try_later() -> None:
    retryable = [error for error in catalogue().values() if error.retryable and error.http != 500]
    assert retryable
    assert {ExitCode.TRY_LATER} == {of_status(error.http) for error in retryable}
