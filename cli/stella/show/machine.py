"""Writes answers for machines: the contract's own JSON, or the same as YAML."""

from __future__ import annotations

import json
import re
from typing import Any

# What JSON itself may hold as it is: C1 controls, marks of direction, joiners, separators of lines.
_STEERING = re.compile(
    "[\x7f-\x9f\xad\u061c\u180e\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb]"
)


def to_json(document: Any) -> str:
    """Return pretty JSON in the order in which the server gave it."""
    return escaped(json.dumps(document, indent=2, ensure_ascii=False)) + "\n"


def escaped(text: str) -> str:
    """Return JSON with everything escaped that could steer a terminal or hide; it means the same."""
    return _STEERING.sub(lambda found: f"\\u{ord(found[0]):04x}", text)


def to_yaml(document: Any) -> str:
    """Return YAML in the same order."""
    import yaml  # noqa: PLC0415 - needed by few calls, slow to load

    text: str = yaml.safe_dump(document, sort_keys=False, allow_unicode=True, default_flow_style=False)
    if _STEERING.search(text):
        # Written in ASCII alone it says the same with escapes.
        text = yaml.safe_dump(document, sort_keys=False, allow_unicode=False, default_flow_style=False)
    return text
