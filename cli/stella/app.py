"""Runs a command line: every way in which a command can end becomes words and an exit code."""

from __future__ import annotations

import errno
import os
import sys
import traceback
from collections.abc import Sequence
from itertools import pairwise

import click

from cli.stella import tracing
from cli.stella.exit_codes import ExitCode
from cli.stella.failures import Code, CommandFailed, cannot_write
from cli.stella.lazy import Branch, LazyGroup
from cli.stella.show import errors
from cli.stella.tree import TREE
from cli.stella.version import VERSION

NAME = "stella"


def root() -> LazyGroup:
    """Return the command `stella`."""
    group = LazyGroup(NAME, TREE)
    group.params.append(
        click.Option(
            ["--trace"],
            is_flag=True,
            help="Show the trace id, and where an unexpected error arose.",
        )
    )
    group = click.version_option(VERSION, prog_name=NAME, message="%(prog)s %(version)s")(group)
    group.callback = lambda trace: None  # noqa: ARG005 - `run` reads --trace itself, before parsing can fail
    return group


def run(arguments: Sequence[str]) -> int:
    """Run a command line and return its exit code."""
    try:
        with tracing.command(_name(arguments)):
            result = root().main(args=list(arguments), prog_name=NAME, standalone_mode=False)
    except click.exceptions.NoArgsIsHelpError as error:
        sys.stderr.write(error.format_message() + "\n")
        return int(ExitCode.USAGE)
    except BrokenPipeError:
        # The reader of a pipe has gone (`| head`); the interpreter must not complain at its end either.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return int(ExitCode.UNEXPECTED)
    except (Exception, KeyboardInterrupt) as error:  # noqa: BLE001 - the last line of defence shows them all
        return _show(_failure(error, arguments), arguments)
    if "--trace" in arguments and tracing.trace_id():
        sys.stderr.write(errors.trace_line(tracing.trace_id()))
    return result if isinstance(result, int) else int(ExitCode.OK)


def _name(arguments: Sequence[str]) -> str:
    """Return the command's words without what the user named or chose."""
    words: list[str] = [NAME]
    at: object = TREE
    for argument in arguments:
        if isinstance(at, Branch) and argument in at.children:
            words.append(argument)
            at = at.children[argument]
    return " ".join(words)


def _failure(error: BaseException, arguments: Sequence[str]) -> CommandFailed:
    if isinstance(error, CommandFailed):
        return error
    if isinstance(error, click.ClickException):
        return _usage(error)
    if isinstance(error, KeyboardInterrupt | click.Abort):
        return CommandFailed(ExitCode.INTERRUPTED, Code.INTERRUPTED, "Interrupted", "")
    if isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT):
        return cannot_write(str(error.filename or "a file"), error, "")
    if "--trace" in arguments:
        traceback.print_exception(error)
    return CommandFailed(
        ExitCode.UNEXPECTED,
        Code.INTERNAL,
        f"Something unexpected went wrong: {type(error).__name__}: {error}",
        "Run `stella --trace …` again and report what it shows.",
    )


def _show(failure: CommandFailed, arguments: Sequence[str]) -> int:
    if "--trace" in arguments:
        failure.trace_id = failure.trace_id or tracing.trace_id()
    if _wants_json(arguments):
        sys.stderr.write(errors.for_machines(failure))
    else:
        sys.stderr.write(errors.for_people(failure))
    return int(failure.exit_code)


def _wants_json(arguments: Sequence[str]) -> bool:
    """Say whether JSON was asked for, even where the command line as a whole cannot be parsed."""
    short = "--json" in arguments or "--format=json" in arguments
    return short or ("--format", "json") in pairwise(arguments)


def _usage(error: click.ClickException) -> CommandFailed:
    context = getattr(error, "ctx", None)
    command = context.command_path if context is not None else NAME
    possible = getattr(error, "possibilities", None) or []
    hint = f"see `{command} --help`"
    if possible:
        hint = f"did you mean {' or '.join(f'`{name}`' for name in possible)}? Else {hint}"
    message = error.message if possible else error.format_message()
    return CommandFailed(ExitCode.USAGE, Code.USAGE, message.strip(), hint[0].upper() + hint[1:] + ".")
