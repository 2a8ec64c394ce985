"""Keep which library made each segment's frames, and find a frame of the ledger by its digest."""

from __future__ import annotations

from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    # Empty for frames of before: nobody wrote down what made them.
    op.execute("ALTER TABLE evidence.segments ADD COLUMN codec_library text NOT NULL DEFAULT ''")
    op.execute("CREATE INDEX segments_by_ledger ON evidence.segments (tenant, ledger_stored_digest)")
