"""Writes answers for machines: the contract's own JSON, or the same as YAML."""

from __future__ import annotations

import json
from typing import Any


def to_json(document: Any) -> str:
    """Return pretty JSON in the order in which the server gave it."""
    return json.dumps(document, indent=2, ensure_ascii=False) + "\n"


def to_yaml(document: Any) -> str:
    """Return YAML in the same order."""
    import yaml  # noqa: PLC0415 - needed by few calls, slow to load

    text: str = yaml.safe_dump(document, sort_keys=False, allow_unicode=True, default_flow_style=False)
    return text
