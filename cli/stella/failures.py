"""What a command raises when it cannot do its work: exit code, code, sentence, and what to do next."""

from __future__ import annotations

import errno
import os
from collections.abc import Mapping, Sequence
from enum import StrEnum

from cli.stella.exit_codes import ExitCode


class Code(StrEnum):
    """Codes of what goes wrong on this side; those of the server are its own (`ERR_EXPORT_…`)."""

    INTERNAL = "ERR_STELLA_INTERNAL"
    USAGE = "ERR_STELLA_USAGE"
    FILE = "ERR_STELLA_FILE"
    DISK_FULL = "ERR_STELLA_DISK_FULL"
    CONTEXT = "ERR_STELLA_CONTEXT"
    NO_TOKEN = "ERR_STELLA_NO_TOKEN"  # noqa: S105 - a code, no token
    UNREACHABLE = "ERR_STELLA_UNREACHABLE"
    OFFLINE = "ERR_STELLA_OFFLINE"
    ANSWER = "ERR_STELLA_ANSWER"
    DOWNLOAD = "ERR_STELLA_DOWNLOAD"
    VERIFICATION = "ERR_STELLA_VERIFICATION"
    RUN_ENDED = "ERR_STELLA_RUN_ENDED"
    LOCKED = "ERR_STELLA_LOCKED"
    START = "ERR_STELLA_START"
    INTERRUPTED = "ERR_STELLA_INTERRUPTED"


class CommandFailed(Exception):
    """A command ends here; `app` shows this in one line, and the hint in another."""

    def __init__(
        self,
        exit_code: ExitCode,
        code: str,
        message: str,
        hint: str,
        *,
        details: Sequence[Mapping[str, str]] = (),
        excerpt: str = "",
        trace_id: str = "",
    ) -> None:
        super().__init__(message)
        self.exit_code = exit_code
        self.code = str(code)
        self.message = message
        self.hint = hint
        self.details = tuple(details)
        self.excerpt = excerpt
        self.trace_id = trace_id


def wrong_usage(message: str, hint: str) -> CommandFailed:
    """Return the failure for a call that cannot mean anything."""
    return CommandFailed(ExitCode.USAGE, Code.USAGE, message, hint)


def cannot_write(path: str | os.PathLike[str], error: OSError, hint: str) -> CommandFailed:
    """Return the failure for a file that cannot be written; `hint` is for all reasons but a full disk."""
    message = f"`{os.fspath(path)}` cannot be written: {error.strerror or type(error).__name__}"
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        hint = "Make room on that disk, then give the same command again."
        return CommandFailed(ExitCode.TRY_LATER, Code.DISK_FULL, message, hint)
    return wrong_file(message, hint)


def wrong_file(message: str, hint: str) -> CommandFailed:
    """Return the failure for a file that cannot be read or written."""
    return CommandFailed(ExitCode.USAGE, Code.FILE, message, hint)
