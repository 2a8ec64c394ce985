"""A failure is what happened with its code, then what to do next."""

from __future__ import annotations

import json

from cli.stella.exit_codes import ExitCode
from cli.stella.failures import CommandFailed
from cli.stella.show import errors

FAILURE = CommandFailed(
    ExitCode.USAGE,
    "ERR_EXPORT_INVALID",
    "Field `spec.kind` is not valid.",
    "Correct it.",
    details=[{"field": "spec.kind", "description": "unknown\x1b[2J"}],
    excerpt="line one",
    trace_id="abc",
)


def test_people_get_sentence_details_hint_and_trace() -> None:
    assert errors.for_people(FAILURE) == (
        "error: Field `spec.kind` is not valid. (ERR_EXPORT_INVALID)\n"
        "  spec.kind: unknown\\x1b[2J\n"
        "  | line one\n"
        "hint: Correct it.\n"
        "trace: abc\n"
    )


def test_a_detail_that_the_sentence_has_is_not_repeated() -> None:
    failure = CommandFailed(
        ExitCode.USAGE, "E", "Field `a` is not valid: b.", "", details=[{"field": "a", "description": "b"}]
    )
    assert errors.for_people(failure) == "error: Field `a` is not valid: b. (E)\n"


def test_machines_get_one_object_on_one_line() -> None:
    text = errors.for_machines(FAILURE)
    assert text.count("\n") == 1
    assert json.loads(text)["error"]["traceId"] == "abc"
