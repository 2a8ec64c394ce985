"""The help of every command is kept as a transcript, so that a change of it is seen in review."""

from __future__ import annotations

import os
from collections.abc import Iterator

import click

from cli.stella.app import root
from tests.kit.stella import REPOSITORY

GOLDEN = REPOSITORY / "tests/golden/cli/help.txt"
COLUMNS = 100


def pages(command: click.Command, name: str, parent: click.Context | None = None) -> Iterator[str]:
    with command.make_context(name, [], parent, resilient_parsing=True, terminal_width=COLUMNS) as context:
        yield f"$ {context.command_path} --help\n{command.get_help(context)}\n"
        if isinstance(command, click.Group):
            for child in command.list_commands(context):
                found = command.get_command(context, child)
                assert found is not None
                yield from pages(found, child, context)


def test_help_is_as_recorded() -> None:
    found = "\n".join(pages(root(), "stella"))
    if "UPDATE_GOLDEN" in os.environ:
        GOLDEN.write_text(found, encoding="utf-8")
    assert GOLDEN.read_text(encoding="utf-8") == found
