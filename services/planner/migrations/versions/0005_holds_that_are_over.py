"""Keep which holds are over, so that evidence is let go of only when nobody can go on with it."""

from __future__ import annotations

from alembic import op

revision = "0005"
down_revision = "0004"


def upgrade() -> None:
    op.execute("ALTER TABLE planner.snapshot_holds ADD COLUMN is_over boolean NOT NULL DEFAULT false")
