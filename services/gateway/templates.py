"""Reads the path templates of google.api.http: what they match and which fields their variables fill."""

from __future__ import annotations

import re
from dataclasses import dataclass

_VARIABLE = re.compile(r"\{([a-z_.]+)(?:=([^}]+))?\}")
_SEGMENT = "[^/:]+"  # no id holds a colon, so that `runs/x:cancel` is a verb and never an id


@dataclass(frozen=True, slots=True)
class Template:
    """A template: `pattern` has one group for each variable, `fields` names the field of each group."""

    text: str
    pattern: re.Pattern[str]
    fields: tuple[tuple[str, str], ...]
    shown: str  # as OpenAPI and documentation write it

    @property
    def parameters(self) -> tuple[str, ...]:
        """Return the names of the parameters in `shown`."""
        return tuple(re.findall(r"\{([a-z_]+)\}", self.shown))


def parse_template(text: str) -> Template:
    """Return the template that `text` writes; `**` is not used in our contracts and not taken."""
    pattern = shown = ""
    fields: list[tuple[str, str]] = []
    end = 0
    for match in _VARIABLE.finditer(text):
        inner = match[2] or "*"
        if "**" in inner:
            raise ValueError(f"`**` in the template {text}")
        literal = text[end : match.start()]
        group = f"variable_{len(fields)}"
        pattern += f"{re.escape(literal)}(?P<{group}>{_SEGMENT.join(map(re.escape, inner.split('*')))})"
        shown += literal + _shown(match[1], inner)
        fields.append((group, match[1]))
        end = match.end()
    rest = text[end:]
    return Template(text, re.compile(pattern + re.escape(rest)), tuple(fields), shown + rest)


def _shown(field: str, inner: str) -> str:
    """Return `runs/{run}` for `runs/*`: each star is named after the collection before it."""
    if inner == "*":
        return "{" + field.replace(".", "_") + "}"
    parts = inner.split("/")
    return "/".join(
        "{" + parts[index - 1].removesuffix("s") + "}" if part == "*" else part
        for index, part in enumerate(parts)
    )
