"""Brings one service's schema to its newest version, under a lock, as the role that owns it."""

from __future__ import annotations

from pathlib import Path

from alembic import command
from alembic.config import Config
from sqlalchemy import NullPool, create_engine, make_url, text

_REPOSITORY = Path(__file__).resolve().parents[3]
_LOCK = 0x4558504F5254  # "EXPORT": one migration at a time in a database


def migrate(service: str, owner_url: str, password: str, revision: str = "head") -> None:
    """Run the Alembic migrations of `services/<service>/migrations`; running them again changes nothing."""
    url = make_url(owner_url).set(drivername="postgresql+psycopg", password=password or None)
    engine = create_engine(url, poolclass=NullPool)
    config = Config()
    config.set_main_option("script_location", str(_REPOSITORY / "services" / service / "migrations"))
    config.set_main_option("path_separator", "os")
    with engine.connect() as connection:
        connection.execute(text("SELECT pg_advisory_lock(:lock)"), {"lock": _LOCK})
        connection.execute(text(f"SET search_path TO {service}"))
        connection.commit()
        config.attributes["connection"] = connection
        config.attributes["service"] = service
        command.upgrade(config, revision)
        connection.commit()
        connection.execute(text("SELECT pg_advisory_unlock(:lock)"), {"lock": _LOCK})
        connection.commit()
    engine.dispose()
