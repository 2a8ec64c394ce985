"""The options that many commands share, and what they become: an `Api` and an `Output`."""

from __future__ import annotations

import functools
import os
from collections.abc import Callable
from typing import Any

import click

from cli.stella.context import Connection, Flags, load_here, resolve
from cli.stella.show.output import Format, Output

Command = Callable[..., Any]


def shown(function: Command) -> Command:
    """Add the options of a command that shows data; it gets `output`."""

    @click.option("--format", "form", type=click.Choice([item.value for item in Format]), default="table",
                  show_default=True, help="Form of the data on standard output.")  # fmt: skip
    @click.option("--json", "as_json", is_flag=True, help="Short for --format json.")
    @click.option("--columns", default="", metavar="A,B", help="Columns of a table, by heading.")
    @click.option("--no-headers", is_flag=True, help="Leave the headings out.")
    @click.option("-q", "--quiet", is_flag=True, help="Say nothing but data, warnings and errors.")
    @functools.wraps(function)
    def with_output(
        *arguments: Any,
        form: str,
        as_json: bool,
        columns: str,
        no_headers: bool,
        quiet: bool,
        **options: Any,
    ) -> Any:
        chosen = tuple(part.strip() for part in columns.split(",") if part.strip())
        output = Output(Format.JSON if as_json else Format(form), chosen, not no_headers, quiet)
        return function(*arguments, output=output, **options)

    return with_output


def spoken(function: Command) -> Command:
    """Add --quiet to a command that shows no data; it gets `output`."""

    @click.option("-q", "--quiet", is_flag=True, help="Say nothing but warnings and errors.")
    @functools.wraps(function)
    def with_output(*arguments: Any, quiet: bool, **options: Any) -> Any:
        return function(*arguments, output=Output(quiet=quiet), **options)

    return with_output


def located(function: Command) -> Command:
    """Add the options that say which server, tenant and token; the command gets `connect`, which opens it."""

    @click.option("--server", default="", metavar="URL", help="Server (STELLA_SERVER).")
    @click.option("--tenant", default="", metavar="NAME", help="Tenant (STELLA_TENANT).")
    @click.option("--token-file", default="", metavar="FILE", help="File with the token (STELLA_TOKEN_FILE).")
    @click.option("--context", "context", default="", metavar="NAME", help="Context (STELLA_CONTEXT).")
    @functools.wraps(function)
    def with_flags(
        *arguments: Any, server: str, tenant: str, token_file: str, context: str, **options: Any
    ) -> Any:
        flags = Flags(server, tenant, token_file, context)
        return function(*arguments, flags=flags, **options)

    return with_flags


def connected(function: Command) -> Command:
    """Add the options that say which server, tenant and token; the command gets `api`."""

    @functools.wraps(function)
    def with_api(*arguments: Any, flags: Flags, **options: Any) -> Any:
        api = open_api(flags)
        try:
            return function(*arguments, api=api, **options)
        finally:
            api.close()

    return located(with_api)


def connection(flags: Flags) -> Connection:
    """Return what the flags, the environment and the contexts come to."""
    return resolve(flags, os.environ, load_here())


def open_api(flags: Flags) -> Any:
    """Return the `Api` for the flags."""
    from cli.stella.api import Api  # noqa: PLC0415 - its HTTP library is slow to load

    return Api(connection(flags))
