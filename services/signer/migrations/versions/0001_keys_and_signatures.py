"""Make the tables of key versions and of signatures."""

from __future__ import annotations

from alembic import op

from libs.common.db.schema import append_only, grant, isolate_tenant

revision = "0001"
down_revision = None

_SERVICE = "signer"


def upgrade() -> None:
    # Keys belong to the installation, not to a tenant, and every verifier may know them: public halves alone.
    op.execute(
        "CREATE TABLE signer.signing_keys ("
        "version integer PRIMARY KEY CHECK (version > 0), "
        "hint text NOT NULL UNIQUE CHECK (length(hint) = 44), "
        "algorithm text NOT NULL, public_key_pem text NOT NULL, reference text NOT NULL, "
        "state text NOT NULL CHECK (state IN ('active', 'retired', 'revoked')), "
        "valid_from timestamptz NOT NULL, valid_until timestamptz, request text UNIQUE, "
        "CHECK ((state = 'active') = (valid_until IS NULL)), CHECK (valid_until >= valid_from))"
    )
    op.execute("CREATE UNIQUE INDEX one_active_key ON signer.signing_keys (state) WHERE state = 'active'")
    op.execute(
        "CREATE FUNCTION signer.refuse_reversal_of_signing_keys() RETURNS trigger LANGUAGE plpgsql AS $$ "
        "BEGIN IF (OLD.state, NEW.state) NOT IN "
        "(('active', 'retired'), ('active', 'revoked'), ('retired', 'revoked')) "
        "THEN RAISE EXCEPTION 'a signing key does not become % after %', NEW.state, OLD.state; END IF; "
        "RETURN NEW; END $$"
    )
    op.execute(
        "CREATE TRIGGER no_reversal BEFORE UPDATE ON signer.signing_keys "
        "FOR EACH ROW EXECUTE FUNCTION signer.refuse_reversal_of_signing_keys()"
    )
    for role in ("signer", "signer_system"):
        op.execute(f"GRANT SELECT, INSERT, UPDATE (state, valid_until) ON signer.signing_keys TO {role}")
    op.execute(
        "CREATE TABLE signer.signatures ("
        "tenant text NOT NULL, run text NOT NULL, attempt integer NOT NULL, "
        "manifest_digest text NOT NULL, provenance_digest text NOT NULL, "
        "layout_digest text NOT NULL, layout_bytes bigint NOT NULL, "
        "key_hint text NOT NULL REFERENCES signer.signing_keys (hint), signed_at timestamptz NOT NULL, "
        "PRIMARY KEY (tenant, run, attempt))"
    )
    isolate_tenant(_SERVICE, "signatures")
    grant(_SERVICE, "signatures", "SELECT, INSERT")
    append_only(_SERVICE, "signatures")
