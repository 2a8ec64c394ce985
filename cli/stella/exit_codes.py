"""The exit codes of `stella`: one enum, from which the documentation is checked."""

from __future__ import annotations

from enum import IntEnum


class ExitCode(IntEnum):
    """How a command ended; only `TRY_LATER` may be retried without any change."""

    OK = 0
    UNEXPECTED = 1
    USAGE = 2
    DENIED = 3
    NOT_FOUND = 4
    OFFLINE = 5
    VERIFICATION_FAILED = 6
    RUN_FAILED = 7
    TRY_LATER = 10
    INTERRUPTED = 130


MEANINGS: dict[ExitCode, str] = {
    ExitCode.OK: "done",
    ExitCode.UNEXPECTED: "something unexpected went wrong",
    ExitCode.USAGE: "wrong usage or invalid input",
    ExitCode.DENIED: "not authenticated, or not allowed",
    ExitCode.NOT_FOUND: "there is no such thing in this tenant",
    ExitCode.OFFLINE: "there is no way to the server: no network, no such host, or a rule forbids it",
    ExitCode.VERIFICATION_FAILED: "verification failed",
    ExitCode.RUN_FAILED: "the run failed or was cancelled",
    ExitCode.TRY_LATER: "something needed does not answer now; try again later",
    ExitCode.INTERRUPTED: "interrupted (Ctrl-C)",
}

_BY_STATUS = {
    400: ExitCode.USAGE,
    401: ExitCode.DENIED,
    403: ExitCode.DENIED,
    404: ExitCode.NOT_FOUND,
    408: ExitCode.TRY_LATER,
    409: ExitCode.USAGE,
    410: ExitCode.NOT_FOUND,
    412: ExitCode.USAGE,
    413: ExitCode.USAGE,
    416: ExitCode.USAGE,
    422: ExitCode.USAGE,
    425: ExitCode.TRY_LATER,
    429: ExitCode.TRY_LATER,
    502: ExitCode.TRY_LATER,
    503: ExitCode.TRY_LATER,
    504: ExitCode.TRY_LATER,
    507: ExitCode.TRY_LATER,
}


def of_status(status: int) -> ExitCode:
    """Return the exit code for an HTTP status that says that a call did not succeed."""
    return _BY_STATUS.get(status, ExitCode.UNEXPECTED)
