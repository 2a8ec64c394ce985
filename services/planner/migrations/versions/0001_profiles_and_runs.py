"""Make the tables of profiles, runs, their inputs, shards, targets and events."""

from __future__ import annotations

from alembic import op

from libs.common.db.schema import append_only, create_inbox, create_outbox, grant, isolate_tenant

revision = "0001"
down_revision = None

_SERVICE = "planner"
_LIVE = "'queued', 'planning', 'adapting', 'assembling', 'signing', 'distributing'"


def upgrade() -> None:
    _create_profiles()
    _create_runs()
    _create_parts_of_runs()
    _create_request_ids()
    create_outbox(_SERVICE)
    create_inbox(_SERVICE)
    op.execute("CREATE INDEX inbox_by_age ON planner.inbox (received_at)")


def _create_profiles() -> None:
    op.execute(
        "CREATE TABLE planner.export_profiles ("
        'tenant text NOT NULL, uid text NOT NULL, profile text COLLATE "C" NOT NULL, '
        "display_name text NOT NULL, kind text NOT NULL, variant text NOT NULL, spec text NOT NULL, "
        "revision integer NOT NULL CHECK (revision > 0), version integer NOT NULL CHECK (version > 0), "
        "created_at timestamptz NOT NULL, updated_at timestamptz NOT NULL, deleted_at timestamptz, "
        "PRIMARY KEY (tenant, uid))"
    )
    op.execute(
        "CREATE UNIQUE INDEX one_profile_of_a_name ON planner.export_profiles (tenant, profile) "
        "WHERE deleted_at IS NULL"
    )
    op.execute("CREATE INDEX profiles_by_name ON planner.export_profiles (tenant, profile)")
    isolate_tenant(_SERVICE, "export_profiles")
    # Deleted profiles stay, so that their revisions and runs keep what they refer to.
    grant(_SERVICE, "export_profiles", "SELECT, INSERT, UPDATE")
    op.execute(
        "CREATE TABLE planner.export_profile_revisions ("
        "tenant text NOT NULL, uid text NOT NULL, revision integer NOT NULL CHECK (revision > 0), "
        "spec text NOT NULL, spec_digest text NOT NULL, author text NOT NULL, "
        "created_at timestamptz NOT NULL, "
        "PRIMARY KEY (tenant, uid, revision), "
        "FOREIGN KEY (tenant, uid) REFERENCES planner.export_profiles (tenant, uid))"
    )
    isolate_tenant(_SERVICE, "export_profile_revisions")
    grant(_SERVICE, "export_profile_revisions", "SELECT, INSERT")
    append_only(_SERVICE, "export_profile_revisions")


def _create_runs() -> None:
    op.execute(
        "CREATE TABLE planner.export_runs ("
        'tenant text NOT NULL, run text COLLATE "C" NOT NULL, '
        "profile_uid text NOT NULL, profile text NOT NULL, revision integer NOT NULL, "
        "kind text NOT NULL, variant text NOT NULL, spec text NOT NULL, selector text NOT NULL, "
        "adapter_version text NOT NULL, adapter_schema text NOT NULL, "
        "codec_level integer NOT NULL, codec_library text NOT NULL, "
        "snapshot_id text NOT NULL, snapshot_held boolean NOT NULL, "
        "plan_digest text NOT NULL, export_id text NOT NULL, actor text NOT NULL, trace text NOT NULL, "
        "created_at timestamptz NOT NULL, "
        "version integer NOT NULL CHECK (version > 0), attempt integer NOT NULL CHECK (attempt > 0), "
        f"state text NOT NULL CHECK (state IN ({_LIVE}, 'succeeded', 'failed', 'cancelled', 'expired')), "
        "stage text, sequence bigint NOT NULL CHECK (sequence > 0), "
        "shards_total integer NOT NULL, "
        "shards_released integer NOT NULL CHECK (shards_released BETWEEN 0 AND shards_total), "
        "shards_done bytea NOT NULL CHECK (bit_count(shards_done) <= shards_released), "
        "amounts jsonb NOT NULL, numbers jsonb NOT NULL, "
        "manifest jsonb, layout jsonb, signed jsonb, bundle_bytes bigint NOT NULL, error jsonb, "
        "started_at timestamptz, ended_at timestamptz, "
        "PRIMARY KEY (tenant, run), "
        "FOREIGN KEY (tenant, profile_uid, revision) "
        "REFERENCES planner.export_profile_revisions (tenant, uid, revision))"
    )
    op.execute(
        "CREATE INDEX runs_of_a_profile ON planner.export_runs (tenant, profile_uid, run) "
        "WHERE state = 'succeeded'"
    )
    op.execute("CREATE INDEX runs_by_profile_name ON planner.export_runs (tenant, profile, run)")
    # For what looks at all tenants: small, whatever the history.
    op.execute(f"CREATE INDEX live_runs ON planner.export_runs (tenant, state) WHERE state IN ({_LIVE})")
    op.execute("CREATE INDEX held_snapshots ON planner.export_runs (tenant, state) WHERE snapshot_held")
    isolate_tenant(_SERVICE, "export_runs", system=True)
    grant(
        _SERVICE,
        "export_runs",
        "SELECT, INSERT, UPDATE",
        system_rights="SELECT (tenant, run, state, attempt, shards_total, shards_released, shards_done, "
        "snapshot_id, snapshot_held)",
    )


def _create_parts_of_runs() -> None:
    of_a_run = (
        'tenant text NOT NULL, run text COLLATE "C" NOT NULL, '
        "FOREIGN KEY (tenant, run) REFERENCES planner.export_runs (tenant, run), "
    )
    op.execute(
        f"CREATE TABLE planner.export_inputs ({of_a_run}"
        "system text NOT NULL, snapshot_id text NOT NULL, digest text NOT NULL, as_of text NOT NULL, "
        "records bigint NOT NULL, datasets jsonb NOT NULL, PRIMARY KEY (tenant, run, system))"
    )
    op.execute(
        f"CREATE TABLE planner.export_shards ({of_a_run}"
        "shard integer NOT NULL CHECK (shard >= 0), ranges text NOT NULL, fingerprints bytea NOT NULL, "
        "output_digest text, output_bytes bigint, PRIMARY KEY (tenant, run, shard))"
    )
    op.execute(
        f"CREATE TABLE planner.export_targets ({of_a_run}"
        "position integer NOT NULL, target text NOT NULL, driver text NOT NULL, "
        "state text NOT NULL CHECK (state IN ('waiting', 'done', 'failed')), delivered jsonb, error jsonb, "
        "PRIMARY KEY (tenant, run, target))"
    )
    op.execute(
        f"CREATE TABLE planner.export_events ({of_a_run}"
        "sequence bigint NOT NULL CHECK (sequence > 0), attempt integer NOT NULL, type text NOT NULL, "
        "recorded_at timestamptz NOT NULL, state text NOT NULL, stage text, message text NOT NULL, "
        "progress jsonb NOT NULL, error jsonb, PRIMARY KEY (tenant, run, sequence))"
    )
    op.execute(
        "CREATE UNIQUE INDEX one_end_of_an_attempt ON planner.export_events (tenant, run, attempt) "
        "WHERE type IN ('succeeded', 'failed', 'cancelled')"
    )
    rights = {
        "export_inputs": "SELECT, INSERT",
        "export_shards": "SELECT, INSERT, UPDATE, DELETE",
        "export_targets": "SELECT, INSERT, UPDATE",
        "export_events": "SELECT, INSERT",
    }
    for table, allowed in rights.items():
        isolate_tenant(_SERVICE, table)
        grant(_SERVICE, table, allowed)
    append_only(_SERVICE, "export_events")


def _create_request_ids() -> None:
    op.execute(
        "CREATE TABLE planner.request_ids ("
        "tenant text NOT NULL, request_id text NOT NULL, request_digest text NOT NULL, "
        "resource text NOT NULL, created_at timestamptz NOT NULL DEFAULT now(), "
        "PRIMARY KEY (tenant, request_id))"
    )
    op.execute("CREATE INDEX requests_by_age ON planner.request_ids (created_at)")
    isolate_tenant(_SERVICE, "request_ids", system=True)
    grant(_SERVICE, "request_ids", "SELECT, INSERT", system_rights="SELECT, DELETE")
