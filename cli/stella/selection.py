"""The options that select evidence, and what they make of a selector."""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import click

from cli.stella.values import TIME

_LISTS = {"source": "sources", "ecosystem": "ecosystems", "package": "packages", "record_id": "ids"}


@dataclass(frozen=True, slots=True)
class Selection:
    """What the flags select, under the contract's names; what no flag names is absent."""

    members: Mapping[str, Any]

    def over(self, selector: Mapping[str, Any]) -> dict[str, Any]:
        """Return the selector with each named member in place of its own."""
        return {**selector, **self.members}


def selected(function: Callable[..., Any]) -> Callable[..., Any]:
    """Add the options; the command gets `selection`."""

    @click.option("--source", multiple=True, metavar="NAME", help="Only this source; repeat for several.")
    @click.option(
        "--ecosystem", multiple=True, metavar="NAME", help="Only this ecosystem, with its releases."
    )
    @click.option(
        "--package", multiple=True, metavar="NAME", help="Only this package or purl; * is a wildcard."
    )
    @click.option(
        "--id", "record_id", multiple=True, metavar="ID", help="Only this id or alias; * is a wildcard."
    )
    @click.option(
        "--modified-since", type=TIME, metavar="TIME", help="Only what its source changed since then."
    )
    @click.option(
        "--modified-until", type=TIME, metavar="TIME", help="Only what its source changed before then."
    )
    @functools.wraps(function)
    def with_selection(
        *arguments: Any, modified_since: str | None, modified_until: str | None, **options: Any
    ) -> Any:
        members: dict[str, Any] = {}
        for option, member in _LISTS.items():
            if values := options.pop(option):
                members[member] = list(values)
        if modified_since:
            members["modifiedSince"] = modified_since
        if modified_until:
            members["modifiedUntil"] = modified_until
        return function(*arguments, selection=Selection(members), **options)

    return with_selection
