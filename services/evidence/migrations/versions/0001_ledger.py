"""Make the tables of the ledger."""

from __future__ import annotations

from alembic import op

from libs.common.db.schema import grant, isolate_tenant

revision = "0001"
down_revision = None

_SERVICE = "evidence"
_FRAMES = ", ".join(
    f"{role}_plain_digest text NOT NULL, {role}_plain_bytes bigint NOT NULL, "
    f"{role}_stored_digest text NOT NULL, {role}_stored_bytes bigint NOT NULL"
    for role in ("documents", "sources", "ledger")
)
# Rows of datasets and segments are seen from `added_sequence` on and before `removed_sequence`.
_LIFE = "added_sequence bigint NOT NULL, removed_sequence bigint CHECK (removed_sequence > added_sequence)"


def upgrade() -> None:
    op.execute(
        "CREATE TABLE evidence.sequences ("
        "tenant text PRIMARY KEY, sequence bigint NOT NULL CHECK (sequence > 0), "
        "changed_at timestamptz NOT NULL)"
    )
    op.execute(
        "CREATE TABLE evidence.datasets ("
        f"tenant text NOT NULL, kind text NOT NULL, source text NOT NULL, {_LIFE}, "
        "records bigint NOT NULL, segments bigint NOT NULL, plain_bytes bigint NOT NULL, "
        "stored_bytes bigint NOT NULL, digest text NOT NULL, as_of timestamptz, stated_as_of timestamptz, "
        "changed_at timestamptz NOT NULL, PRIMARY KEY (tenant, kind, source, added_sequence))"
    )
    op.execute(
        "CREATE UNIQUE INDEX one_current_version ON evidence.datasets (tenant, kind, source) "
        "WHERE removed_sequence IS NULL"
    )
    op.execute(
        "CREATE TABLE evidence.segments ("
        f"tenant text NOT NULL, kind text NOT NULL, source text NOT NULL, {_LIFE}, "
        f"first_key bytea NOT NULL, last_key bytea NOT NULL, records bigint NOT NULL, {_FRAMES}, "
        "newest_stated bigint, PRIMARY KEY (tenant, kind, source, first_key, added_sequence))"
    )
    for role in ("documents", "sources"):
        op.execute(f"CREATE INDEX segments_by_{role} ON evidence.segments (tenant, {role}_stored_digest)")
    op.execute(
        "CREATE INDEX removed_segments ON evidence.segments (tenant, removed_sequence) "
        "WHERE removed_sequence IS NOT NULL"
    )
    op.execute(
        "CREATE TABLE evidence.snapshots ("
        "tenant text NOT NULL, id text NOT NULL, sequence bigint NOT NULL, kinds text[] NOT NULL, "
        "sources text[] NOT NULL, holder text NOT NULL, opened_at timestamptz NOT NULL, "
        "PRIMARY KEY (tenant, id))"
    )
    op.execute(
        "CREATE UNIQUE INDEX one_snapshot_a_holder ON evidence.snapshots (tenant, holder) WHERE holder <> ''"
    )
    op.execute(
        "CREATE TABLE evidence.tombstones ("
        "tenant text NOT NULL, kind text NOT NULL, source text NOT NULL, key bytea NOT NULL, "
        "sequence bigint NOT NULL, deleted_at timestamptz NOT NULL, "
        "PRIMARY KEY (tenant, kind, source, key))"
    )
    op.execute(
        "CREATE TABLE evidence.quarantine ("
        "id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, tenant text NOT NULL, source text NOT NULL, "
        "file text NOT NULL, location text NOT NULL, reason text NOT NULL, detail text NOT NULL, "
        "digest text NOT NULL, put_aside_at timestamptz NOT NULL)"
    )
    op.execute("CREATE INDEX quarantine_newest ON evidence.quarantine (tenant, id DESC)")
    op.execute("CREATE INDEX quarantine_by_source ON evidence.quarantine (tenant, source, reason)")
    op.execute(
        "CREATE TABLE evidence.imports ("
        "id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, tenant text NOT NULL, actor text NOT NULL, "
        "action text NOT NULL CHECK (action IN ('import', 'delete')), spec jsonb NOT NULL, "
        "sequence bigint NOT NULL, added bigint NOT NULL, updated bigint NOT NULL, "
        "unchanged bigint NOT NULL, removed bigint NOT NULL, quarantined bigint NOT NULL, "
        "finished_at timestamptz NOT NULL)"
    )
    _protect()


def _protect() -> None:
    rights = {
        "sequences": ("SELECT, INSERT, UPDATE", "SELECT"),
        "datasets": ("SELECT, INSERT, UPDATE (removed_sequence), DELETE", ""),
        "segments": ("SELECT, INSERT, UPDATE (removed_sequence), DELETE", ""),
        "snapshots": ("SELECT, INSERT, DELETE", ""),
        "tombstones": ("SELECT, INSERT, UPDATE, DELETE", ""),
        "quarantine": ("SELECT, INSERT, DELETE", ""),
        "imports": ("SELECT, INSERT", ""),
    }
    for table, (own, system) in rights.items():
        isolate_tenant(_SERVICE, table, system=bool(system))
        grant(_SERVICE, table, own, system_rights=system)
