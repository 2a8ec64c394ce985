"""Make the table of runs that are about to begin, so that what was pinned for them is found again."""

from __future__ import annotations

from alembic import op

from libs.common.db.schema import grant, isolate_tenant

revision = "0002"
down_revision = "0001"

_SERVICE = "planner"


def upgrade() -> None:
    op.execute(
        "CREATE TABLE planner.snapshot_holds ("
        'tenant text NOT NULL, run text COLLATE "C" NOT NULL, opened_at timestamptz NOT NULL DEFAULT now(), '
        "PRIMARY KEY (tenant, run))"
    )
    op.execute("CREATE INDEX holds_by_age ON planner.snapshot_holds (opened_at)")
    isolate_tenant(_SERVICE, "snapshot_holds", system=True)
    grant(_SERVICE, "snapshot_holds", "SELECT, INSERT, UPDATE, DELETE", system_rights="SELECT")
