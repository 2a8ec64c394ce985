"""Sends an import and reads the answer, line by line, to its result."""

from __future__ import annotations

import json
from typing import Any

from cli.stella.api import Api, Json, failure_of
from cli.stella.exit_codes import ExitCode
from cli.stella.failures import Code, CommandFailed
from cli.stella.show.numbers import plural
from cli.stella.show.progress import Progress
from cli.stella.transfer.lines import lines
from cli.stella.transfer.multipart import Body

PATH = "/api/evidence/imports"
ANSWER_SECONDS = 900.0  # merging can take long, and says nothing while it sorts
_INTERNAL = 500
# What the server does after it has received everything, and the member that counts it.
_PHASES = {"PHASE_READING": ("reading", "recordsRead"), "PHASE_MERGING": ("merging", "recordsMerged")}
# After the stream began there is no status; these codes say that the input is at fault.
_OF_INPUT = frozenset({"ERR_EXPORT_INVALID", "ERR_EXPORT_BAD_INPUT", "ERR_EXPORT_TOO_LARGE"})


def send(api: Api, body: Body, progress: Progress, total: int) -> Json:
    """Send `body` and return the result of the import."""
    headers = {"Content-Type": body.content_type, "Content-Length": str(body.length)}
    result: Json | None = None
    with api.stream(
        "POST", PATH, headers=headers, content=iter(body), read_seconds=ANSWER_SECONDS
    ) as response:
        for line in lines(response.iter_bytes()):
            if line.strip():
                result = _take(line, progress, total) or result
    if result is None:
        raise CommandFailed(
            ExitCode.TRY_LATER,
            Code.ANSWER,
            "The answer ended before the result of the import",
            "See `stella evidence status`, then import again: that is safe to repeat.",
        )
    return result


def _take(line: bytes, progress: Progress, total: int) -> Json | None:
    try:
        message = json.loads(line)
    except ValueError as error:
        raise CommandFailed(
            ExitCode.UNEXPECTED, Code.ANSWER, "A line of the answer is not JSON", "Report it with --trace."
        ) from error
    if not isinstance(message, dict):
        return None
    if "error" in message:
        raise _failure(message["error"])
    phase, member = _PHASES.get(str(message.get("phase")), ("", ""))
    if phase:
        progress.move(total, total, phase, plural(int(message.get(member, 0)), "record"))
    result = message.get("result")
    return result if isinstance(result, dict) else None


def _failure(document: Any) -> CommandFailed:
    status = int(document.get("status", _INTERNAL)) if isinstance(document, dict) else _INTERNAL
    found = failure_of(document, status)
    if found is None:
        found = CommandFailed(
            ExitCode.UNEXPECTED,
            Code.ANSWER,
            "The import failed without a reason",
            "Look at the server's log.",
        )
    elif status == _INTERNAL and found.code in _OF_INPUT:
        found.exit_code = ExitCode.USAGE
    return found
