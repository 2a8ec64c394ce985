"""Give the installation a name, under which it owns its area of the blob store."""

from __future__ import annotations

from alembic import op

from libs.common.db.schema import grant

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    op.execute(
        "CREATE TABLE distributor.installation ("
        "id uuid NOT NULL DEFAULT gen_random_uuid(), "
        "is_only boolean PRIMARY KEY DEFAULT true CHECK (is_only))"
    )
    op.execute("INSERT INTO distributor.installation DEFAULT VALUES")
    grant("distributor", "installation", "SELECT")
