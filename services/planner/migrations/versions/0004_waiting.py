"""Keep when a run came into its state and a message into the outbox, so that what waits too long is seen."""

from __future__ import annotations

from alembic import op

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    op.execute("ALTER TABLE planner.export_runs ADD COLUMN state_since timestamptz NOT NULL DEFAULT now()")
    op.execute("ALTER TABLE planner.outbox ADD COLUMN put_at timestamptz NOT NULL DEFAULT now()")
    op.execute("GRANT SELECT (state_since) ON planner.export_runs TO planner_system")
