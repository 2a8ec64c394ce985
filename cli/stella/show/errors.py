"""Shows a failure: one line of what happened with its code, one of what to do next; or one JSON object."""

from __future__ import annotations

import json
from typing import Any

from cli.stella.failures import CommandFailed
from cli.stella.show.machine import escaped
from cli.stella.show.text import printable


def for_people(failure: CommandFailed, *, trace: bool = False) -> str:
    """Return the lines for a person."""
    lines = [f"error: {printable(failure.message).rstrip('.')}. ({failure.code})"]
    lines += [
        f"  {printable(detail.get('field', ''))}: {printable(detail.get('description', ''))}"
        for detail in failure.details
        if detail.get("description", "") not in failure.message
    ]
    lines += [f"  | {printable(line)}" for line in failure.excerpt.splitlines()]
    if failure.hint:
        lines.append(f"hint: {printable(failure.hint)}")
    if trace and failure.trace_id:
        lines.append(f"trace: {printable(failure.trace_id)}")
    return "\n".join(lines) + "\n"


def for_machines(failure: CommandFailed) -> str:
    """Return one JSON object on one line."""
    document: dict[str, Any] = {
        "code": failure.code,
        "message": failure.message,
        "cure": failure.hint,
        "exitCode": int(failure.exit_code),
    }
    if failure.details:
        document["details"] = [dict(detail) for detail in failure.details]
    if failure.excerpt:
        document["excerpt"] = failure.excerpt
    if failure.trace_id:
        document["traceId"] = failure.trace_id
    return escaped(json.dumps({"error": document}, ensure_ascii=False)) + "\n"
