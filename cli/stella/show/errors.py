"""Shows a failure: what happened with its code, what to do next, the trace, each on a line; or as JSON."""

from __future__ import annotations

import json
from typing import Any

from cli.stella.failures import CommandFailed
from cli.stella.show.machine import escaped
from cli.stella.show.text import printable


def for_people(failure: CommandFailed) -> str:
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
    text = "\n".join(lines) + "\n"
    return text + trace_line(failure.trace_id) if failure.trace_id else text


def trace_line(trace_id: str) -> str:
    """Return the line that names the trace; the logs of all services have it."""
    return f"trace: {printable(trace_id)}\n"


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
