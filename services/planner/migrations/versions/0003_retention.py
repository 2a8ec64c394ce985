"""Keep with each run for how long its bundle is kept, and let background work find what has run out."""

from __future__ import annotations

from alembic import op

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    op.execute(
        "ALTER TABLE planner.export_runs ADD COLUMN retention_days integer NOT NULL DEFAULT 0 "
        "CHECK (retention_days >= 0)"
    )
    op.execute("CREATE INDEX succeeded_runs ON planner.export_runs (ended_at) WHERE state = 'succeeded'")
    op.execute("GRANT SELECT (ended_at, retention_days) ON planner.export_runs TO planner_system")
