"""`stella completion`: the script that makes a shell complete commands, options and their values."""

from __future__ import annotations

import sys

import click
from click.shell_completion import get_completion_class

from cli.stella.app import NAME, root

_VARIABLE = "_STELLA_COMPLETE"
_PLACES = {
    "bash": "~/.local/share/bash-completion/completions/stella",
    "zsh": '"${fpath[1]}/_stella"',
    "fish": "~/.config/fish/completions/stella.fish",
}


@click.command()
@click.argument("shell", type=click.Choice(list(_PLACES)))
def completion(shell: str) -> None:
    """Write the completion script for a shell.

    Examples:
      stella completion bash > ~/.local/share/bash-completion/completions/stella
      stella completion fish > ~/.config/fish/completions/stella.fish
    """
    kind = get_completion_class(shell)
    assert kind is not None
    sys.stdout.write(kind(root(), {}, NAME, _VARIABLE).source())
    if sys.stdout.isatty():
        sys.stderr.write(f"Keep it: stella completion {shell} > {_PLACES[shell]}\n")
