"""Note what each delivery relies on, and when a run's bundle was removed: the roots of collection."""

from __future__ import annotations

from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    # Deliveries of before have their layouts in `export_bundles`; an empty text is the root of nothing.
    op.execute(
        "ALTER TABLE distributor.export_distributions ADD COLUMN layout_digest text NOT NULL DEFAULT ''"
    )
    for table in ("export_distributions", "export_bundles"):
        op.execute(f"ALTER TABLE distributor.{table} ADD COLUMN removed_at timestamptz")
