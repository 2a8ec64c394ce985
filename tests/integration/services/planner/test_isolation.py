"""Below the API, row-level security keeps two tenants apart in every table of the planner."""

# ruff: noqa: S608 - tables and columns of the test itself

from __future__ import annotations

from collections.abc import AsyncIterator

import psycopg
import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from libs.common.db.engine import Database
from services.planner.store import holds
from tests.kit.infrastructure import Postgres, TestDatabase
from tests.kit.planner import Ground

OURS, THEIRS = "acme", "beta"
TENANT_TABLES = (
    "SELECT c.relname FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace "
    "JOIN pg_attribute a ON a.attrelid = c.oid AND a.attname = 'tenant' "
    "WHERE n.nspname = 'planner' AND c.relkind IN ('r', 'p') ORDER BY c.relname"
)
EXPECTED = [
    "export_events",
    "export_inputs",
    "export_profile_revisions",
    "export_profiles",
    "export_runs",
    "export_shards",
    "export_targets",
    "inbox",
    "outbox",
    "request_ids",
    "snapshot_holds",
]


@pytest.fixture
async def filled(land: Ground) -> AsyncIterator[Database]:
    """A database with a row of our tenant in every table, opened as the planner's runtime role."""
    async with land.planner() as house:
        client = house.client(OURS)
        await client.create_profile(request_id="one")
        await client.watch((await client.start()).name)
    database = land.database.open("planner")
    async with database.tenant(OURS) as connection:
        await connection.execute(
            text(
                "INSERT INTO outbox (tenant, subject, message_id, headers, payload) "
                "VALUES (:tenant, 'nowhere', 'one', '{}', '')"
            ),
            {"tenant": OURS},
        )
        await holds.add(connection, OURS, "run-that-never-began")
    yield database
    await database.close()


def tables_with(postgres: Postgres, land: Ground) -> list[str]:
    return [str(name) for (name,) in postgres.execute(land.database.name, TENANT_TABLES)]


def count(postgres: Postgres, land: Ground, table: str) -> int:
    ((found,),) = postgres.execute(land.database.name, f"SELECT count(*) FROM planner.{table}")
    assert isinstance(found, int)
    return found


def test_every_table_with_a_tenant_has_row_level_security_forced(
    postgres: Postgres, database: TestDatabase
) -> None:
    database.migrate("planner")
    secured = postgres.execute(
        database.name,
        "SELECT relname FROM pg_class WHERE relnamespace = 'planner'::regnamespace "
        "AND relrowsecurity AND relforcerowsecurity ORDER BY relname",
    )
    found = [name for (name,) in postgres.execute(database.name, TENANT_TABLES)]
    assert found == [name for (name,) in secured] == EXPECTED


async def test_a_query_without_its_tenant_filter_finds_nothing_of_another_tenant(
    filled: Database, postgres: Postgres, land: Ground
) -> None:
    for table in tables_with(postgres, land):
        assert count(postgres, land, table) > 0, table
        if table == "outbox":  # the runtime role may not even read it
            with pytest.raises(DBAPIError, match="permission denied"):
                async with filled.tenant(THEIRS) as connection:
                    await connection.execute(text(f"SELECT * FROM {table}"))
            continue
        async with filled.tenant(THEIRS) as connection:
            assert (await connection.execute(text(f"SELECT * FROM {table}"))).all() == [], table
        async with filled.tenant(OURS) as connection:
            assert (await connection.execute(text(f"SELECT * FROM {table}"))).all() != [], table


async def test_a_change_without_its_tenant_filter_reaches_nothing_of_another_tenant(
    filled: Database,
) -> None:
    for table, column in (("export_runs", "state"), ("export_profiles", "display_name")):
        async with filled.tenant(THEIRS) as connection:
            result = await connection.execute(text(f"UPDATE {table} SET {column} = {column}"))
            assert result.rowcount == 0


async def test_a_row_of_another_tenant_cannot_be_written(filled: Database) -> None:
    with pytest.raises(DBAPIError, match="row-level security"):
        async with filled.tenant(THEIRS) as connection:
            await connection.execute(
                text("INSERT INTO inbox (tenant, message_id) VALUES (:tenant, 'x')"), {"tenant": OURS}
            )


async def test_without_a_tenant_there_is_nothing(filled: Database) -> None:
    async with filled.engine.begin() as connection:
        assert (await connection.execute(text("SELECT * FROM export_runs"))).all() == []


async def test_the_owner_of_the_tables_is_bound_too(
    filled: Database, postgres: Postgres, land: Ground
) -> None:
    del filled
    url = land.database.url("planner_owner")
    with psycopg.connect(url, password="secret") as connection:
        for table in tables_with(postgres, land):
            assert connection.execute(f"SELECT * FROM planner.{table}").fetchall() == []


async def test_background_work_sees_of_all_runs_only_what_it_needs(filled: Database) -> None:
    async with filled.system() as connection:
        rows = (await connection.execute(text("SELECT tenant, state FROM export_runs"))).all()
        assert [tuple(row) for row in rows] == [(OURS, "succeeded")]
    for table, column in (
        ("export_runs", "spec"),
        ("export_profiles", "uid"),
        ("export_events", "message"),
        ("export_inputs", "digest"),
        ("export_shards", "ranges"),
        ("export_targets", "target"),
        ("export_profile_revisions", "spec"),
    ):
        with pytest.raises(DBAPIError, match="permission denied"):
            async with filled.system() as connection:
                await connection.execute(text(f"SELECT {column} FROM {table}"))


@pytest.mark.parametrize("table", ["export_events", "export_profile_revisions"])
async def test_history_cannot_be_changed_by_anybody(
    filled: Database, postgres: Postgres, land: Ground, table: str
) -> None:
    del filled
    for statement in (f"DELETE FROM planner.{table}", f"UPDATE planner.{table} SET tenant = tenant"):
        with pytest.raises(psycopg.errors.RaiseException, match="append-only"):
            postgres.execute(land.database.name, statement)
