"""`stella help`: pages that belong to no single command."""

from __future__ import annotations

import sys

import click

from cli.stella.exit_codes import MEANINGS

_ENVIRONMENT = (
    ("STELLA_SERVER", "address of the gateway, like --server"),
    ("STELLA_TENANT", "tenant, like --tenant"),
    ("STELLA_TOKEN_FILE", "file that holds the token, like --token-file"),
    ("STELLA_TOKEN", "the token itself; a file is safer"),
    ("STELLA_CONTEXT", "name of the context, like --context"),
    ("STELLA_CONFIG", "file of the contexts; default ${XDG_CONFIG_HOME:-~/.config}/stella/config.json"),
    ("XDG_DATA_HOME", "`stella up` keeps its data in ${XDG_DATA_HOME:-~/.local/share}/stella"),
    ("NO_COLOR", "set to anything: no colour"),
)
_FORMATTING = """\
Data goes to standard output, talk and progress to standard error, so a pipe gets data alone.

  --format table   columns for people; --columns A,B chooses them, --no-headers leaves the headings out
  --format json    the contract's own JSON (64-bit numbers are texts); --json is short for it
  --format yaml    the same as YAML
  --format name    the name alone, one a line, to feed other commands

With --format json an error is one JSON object on standard error.
"""


def exit_codes() -> str:
    """Return the page on exit codes."""
    return "".join(f"  {int(code):>3}  {meaning}\n" for code, meaning in MEANINGS.items())


def environment() -> str:
    """Return the page on environment variables."""
    rows = "".join(f"  {name:<18} {meaning}\n" for name, meaning in _ENVIRONMENT)
    return f"A flag wins over the environment, the environment over the context in use.\n\n{rows}"


def formatting() -> str:
    """Return the page on forms of output."""
    return _FORMATTING


TOPICS = {"exit-codes": exit_codes, "environment": environment, "formatting": formatting}


@click.command("help")
@click.argument("topic", type=click.Choice(list(TOPICS)))
def help_topic(topic: str) -> None:
    """Explain exit codes, formats or the environment.

    Examples:
      stella help exit-codes
      stella help environment
    """
    sys.stdout.write(TOPICS[topic]())
