"""What every service's migrations share: tenant policies, grants, append-only tables, outbox and inbox."""

from __future__ import annotations

from alembic import op

from libs.common.db.engine import TENANT_SETTING


def isolate_tenant(service: str, table: str, *, system: bool = False) -> None:
    """Switch on row-level security: the runtime role sees rows of the tenant that is set.

    The owner is bound as well (FORCE). With `system`, the service's system role sees all rows of this table.
    """
    op.execute(f"ALTER TABLE {service}.{table} ENABLE ROW LEVEL SECURITY")
    op.execute(f"ALTER TABLE {service}.{table} FORCE ROW LEVEL SECURITY")
    op.execute(
        f"CREATE POLICY own_tenant ON {service}.{table} TO {service} "
        f"USING (tenant = current_setting('{TENANT_SETTING}', true)) "
        f"WITH CHECK (tenant = current_setting('{TENANT_SETTING}', true))"
    )
    if system:
        op.execute(
            f"CREATE POLICY all_tenants ON {service}.{table} TO {service}_system "
            "USING (true) WITH CHECK (true)"
        )


def grant(service: str, table: str, rights: str, *, system_rights: str = "") -> None:
    """Give the runtime role `rights` (for example `SELECT, INSERT`) and the system role `system_rights`."""
    op.execute(f"GRANT {rights} ON {service}.{table} TO {service}")
    if system_rights:
        op.execute(f"GRANT {system_rights} ON {service}.{table} TO {service}_system")


def append_only(service: str, table: str) -> None:
    """Refuse UPDATE, DELETE and TRUNCATE on a table, whoever asks."""
    op.execute(
        f"CREATE FUNCTION {service}.refuse_change_of_{table}() RETURNS trigger LANGUAGE plpgsql AS $$ "
        f"BEGIN RAISE EXCEPTION '{service}.{table} is append-only'; END $$"
    )
    op.execute(
        f"CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON {service}.{table} "
        f"FOR EACH STATEMENT EXECUTE FUNCTION {service}.refuse_change_of_{table}()"
    )


def create_outbox(service: str) -> None:
    """Make the table that holds messages until the bus has them."""
    op.execute(
        f"CREATE TABLE {service}.outbox ("
        "id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, tenant text NOT NULL, subject text NOT NULL, "
        "message_id text NOT NULL, headers jsonb NOT NULL, payload bytea NOT NULL)"
    )
    isolate_tenant(service, "outbox", system=True)
    grant(service, "outbox", "INSERT", system_rights="SELECT, UPDATE, DELETE")


def create_inbox(service: str) -> None:
    """Make the table that remembers which messages were handled."""
    op.execute(
        f"CREATE TABLE {service}.inbox ("
        "tenant text NOT NULL, message_id text NOT NULL, received_at timestamptz NOT NULL DEFAULT now(), "
        "PRIMARY KEY (tenant, message_id))"
    )
    isolate_tenant(service, "inbox", system=True)
    grant(service, "inbox", "SELECT, INSERT", system_rights="SELECT, DELETE")
