"""The body of every service's Alembic `env.py`: migrations run on the connection that `migrate` holds."""

from __future__ import annotations

from alembic import context


def run() -> None:
    """Run the migrations in one transaction each, with the version table in the service's schema."""
    configuration = context.config
    context.configure(
        connection=configuration.attributes["connection"],
        version_table="schema_migrations",
        version_table_schema=configuration.attributes["service"],
        transaction_per_migration=True,
    )
    with context.begin_transaction():
        context.run_migrations()
