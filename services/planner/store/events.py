"""Keeps what happened in runs: a numbered, append-only list for each."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Row

from libs.common.db.statement import sql
from services.planner.runs.events import Happened, Type
from services.planner.runs.values import ENDED, State
from services.planner.store import columns
from services.planner.store.connection import Connection
from services.planner.store.statements import insert


@dataclass(frozen=True, slots=True)
class Page:
    """Some events in order; `last` says that the run has ended and nothing follows these."""

    events: tuple[Happened, ...]
    last: bool


async def add(connection: Connection, tenant: str, run: str, events: Iterable[Happened]) -> None:
    """Append events."""
    rows = [
        {
            "tenant": tenant,
            "run": run,
            "sequence": happened.sequence,
            "attempt": happened.attempt,
            "type": happened.type.value,
            "recorded_at": happened.time,
            "state": happened.state.value,
            "stage": happened.stage and happened.stage.value,
            "message": happened.message,
            "progress": columns.write(happened.progress),
            "error": columns.write(happened.error),
        }
        for happened in events
    ]
    if rows:
        await connection.execute(insert("export_events", rows[0]), rows)


async def after(connection: Connection, tenant: str, run: str, sequence: int, most: int) -> Page | None:
    """Return up to `most` events after `sequence`, or None where the tenant has no such run."""
    found = await connection.execute(
        sql(
            "SELECT r.state AS run_state, r.sequence AS run_sequence, e.sequence, e.attempt, e.type, "
            "e.recorded_at, e.state, e.stage, e.message, e.progress, e.error "
            "FROM export_runs r LEFT JOIN LATERAL ("
            "SELECT * FROM export_events e WHERE e.tenant = r.tenant AND e.run = r.run "
            "AND e.sequence > :sequence ORDER BY e.sequence LIMIT :most) e ON true "
            "WHERE r.tenant = :tenant AND r.run = :run ORDER BY e.sequence"
        ),
        {"tenant": tenant, "run": run, "sequence": sequence, "most": most},
    )
    rows = found.all()
    if not rows:
        return None
    events = tuple(_happened(row) for row in rows if row.sequence is not None)
    reached = events[-1].sequence if events else sequence
    ended = State(rows[0].run_state) in ENDED
    return Page(events, last=ended and reached >= rows[0].run_sequence)


def _happened(row: Row[Any]) -> Happened:
    return Happened(
        row.sequence,
        row.attempt,
        Type(row.type),
        row.recorded_at,
        State(row.state),
        State(row.stage) if row.stage else None,
        row.message,
        columns.read_progress(row.progress),
        columns.read_error(row.error),
    )
