"""Makes the database of the suite: for each service a schema, an owner, a runtime role and a system role."""

from __future__ import annotations

from collections.abc import Mapping

from psycopg import sql
from sqlalchemy import NullPool, create_engine, make_url, text

SERVICES = ("planner", "signer", "distributor", "evidence")  # adapter_host and gateway own no table


def provision(admin_url: str, admin_password: str, database: str, passwords: Mapping[str, str]) -> None:
    """Make what is missing; run again it only sets the passwords.

    `passwords` holds one for each role `<service>` and `<service>_owner`. The runtime role owns nothing and
    cannot pass row-level security; the owner runs migrations; `<service>_system` cannot log in and is taken
    by `SET ROLE` for background work alone (NOINHERIT).
    """
    url = make_url(admin_url).set(drivername="postgresql+psycopg", password=admin_password or None)
    server = create_engine(url, poolclass=NullPool, isolation_level="AUTOCOMMIT")
    with server.connect() as connection:
        exists = connection.execute(
            text("SELECT 1 FROM pg_database WHERE datname = :name"), {"name": database}
        ).first()
        if exists is None:
            connection.execute(text(f'CREATE DATABASE "{database}"'))
    server.dispose()
    engine = create_engine(url.set(database=database), poolclass=NullPool)
    with engine.begin() as connection:
        driver = connection.connection.driver_connection
        assert driver is not None
        for service in SERVICES:
            for role, attributes in (
                (f"{service}_system", "NOLOGIN"),
                (service, "LOGIN NOINHERIT"),
                (f"{service}_owner", "LOGIN NOINHERIT"),
            ):
                found = connection.execute(
                    text("SELECT 1 FROM pg_roles WHERE rolname = :role"), {"role": role}
                ).first()
                if found is None:
                    connection.execute(text(f"CREATE ROLE {role} {attributes} NOSUPERUSER NOBYPASSRLS"))
                if role in passwords:
                    driver.execute(
                        sql.SQL("ALTER ROLE {} PASSWORD {}").format(
                            sql.Identifier(role), sql.Literal(passwords[role])
                        )
                    )
            connection.execute(text(f"GRANT {service}_system TO {service}"))
            connection.execute(text(f"CREATE SCHEMA IF NOT EXISTS {service} AUTHORIZATION {service}_owner"))
            connection.execute(text(f"GRANT USAGE ON SCHEMA {service} TO {service}, {service}_system"))
        connection.execute(text("REVOKE ALL ON SCHEMA public FROM PUBLIC"))
        connection.execute(text(f'REVOKE ALL ON DATABASE "{database}" FROM PUBLIC'))
        for service in SERVICES:
            connection.execute(text(f'GRANT CONNECT ON DATABASE "{database}" TO {service}, {service}_owner'))
    engine.dispose()
