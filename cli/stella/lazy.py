"""Command groups that load a command only when it is called, so that `stella` starts fast."""

from __future__ import annotations

import importlib
import inspect
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import click

HELP_OPTIONS = ["-h", "--help"]
_KEEP = "\b"  # click's sign for lines that stay as they are


@dataclass(frozen=True, slots=True)
class Leaf:
    """One command: where it is written and the line that lists it."""

    place: str  # `module:attribute`
    summary: str

    def load(self) -> click.Command:
        """Import it."""
        module, _, attribute = self.place.partition(":")
        command = getattr(importlib.import_module(module), attribute)
        assert isinstance(command, click.Command)
        command.context_settings.setdefault("help_option_names", HELP_OPTIONS)
        command.help = keep_examples(inspect.cleandoc(command.help or ""))
        return command


def keep_examples(text: str) -> str:
    """Mark the examples of a help text for click, which else fills them up into a paragraph."""
    return text.replace("\n\nExamples:\n", f"\n\n{_KEEP}\nExamples:\n")


@dataclass(frozen=True, slots=True)
class Branch:
    """A noun and its verbs."""

    summary: str
    children: Mapping[str, Leaf | Branch]
    help: str = ""


class LazyGroup(click.Group):
    """A group made from a branch."""

    def __init__(self, name: str | None, branch: Branch, **settings: Any) -> None:
        super().__init__(
            name,
            help=keep_examples(f"{branch.summary}\n\n{branch.help}"),
            context_settings={"help_option_names": HELP_OPTIONS, "max_content_width": 100},
            **settings,
        )
        self.branch = branch

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 - click calls it so
        """Return the names in the order of the branch."""
        return list(self.branch.children)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002 - the same
        """Load one command."""
        child = self.branch.children.get(cmd_name)
        if child is None:
            return None
        return LazyGroup(cmd_name, child) if isinstance(child, Branch) else child.load()

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Find the command; an unknown one is answered with the nearest that there is."""
        try:
            return super().resolve_command(ctx, args)
        except click.exceptions.NoSuchCommand as error:
            raise click.exceptions.NoSuchCommand(
                error.command_name, possibilities=self.list_commands(ctx), ctx=ctx
            ) from error

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002 - the same
        """List the commands without loading them."""
        rows = [(name, child.summary) for name, child in self.branch.children.items()]
        with formatter.section("Commands"):
            formatter.write_dl(rows)
