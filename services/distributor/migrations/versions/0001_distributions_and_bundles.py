"""Make the tables of deliveries and of the bundles that can be downloaded."""

from __future__ import annotations

from alembic import op

from libs.common.db.schema import grant, isolate_tenant

revision = "0001"
down_revision = None

_SERVICE = "distributor"


def upgrade() -> None:
    op.execute(
        "CREATE TABLE distributor.export_distributions ("
        "tenant text NOT NULL, run text NOT NULL, target text NOT NULL, driver text NOT NULL, "
        "state text NOT NULL CHECK (state IN ('running', 'succeeded', 'failed')), "
        "attempt integer NOT NULL CHECK (attempt >= 0), attempts integer NOT NULL CHECK (attempts > 0), "
        "digest text NOT NULL, bytes bigint NOT NULL CHECK (bytes >= 0), reference text NOT NULL, "
        "error_code text NOT NULL, error_message text NOT NULL, error_cure text NOT NULL, "
        "created_at timestamptz NOT NULL, updated_at timestamptz NOT NULL, "
        "PRIMARY KEY (tenant, run, target), "
        "CHECK ((state = 'failed') = (error_code <> '')), CHECK ((state = 'succeeded') = (digest <> '')))"
    )
    # Serves the list of all deliveries of a tenant, newest first.
    op.execute(
        "CREATE INDEX newest_first ON distributor.export_distributions "
        "(tenant, created_at DESC, run DESC, target DESC)"
    )
    isolate_tenant(_SERVICE, "export_distributions")
    grant(_SERVICE, "export_distributions", "SELECT, INSERT, UPDATE")
    op.execute(
        "CREATE TABLE distributor.export_bundles ("
        "tenant text NOT NULL, run text NOT NULL, attempt integer NOT NULL, export_id text NOT NULL, "
        "manifest_digest text NOT NULL, layout_digest text NOT NULL, "
        "tar_digest text NOT NULL, tar_bytes bigint NOT NULL CHECK (tar_bytes > 0), "
        "etag text NOT NULL, created_at timestamptz NOT NULL, "
        "PRIMARY KEY (tenant, run))"
    )
    isolate_tenant(_SERVICE, "export_bundles")
    grant(_SERVICE, "export_bundles", "SELECT, INSERT, UPDATE")
