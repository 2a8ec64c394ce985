"""Transactions: what a request sees where no connection is to be had."""

from __future__ import annotations

import logging
from contextlib import AsyncExitStack

import pytest
from sqlalchemy import make_url, text

from libs.common.db.engine import POOL_SIZE, Database
from libs.common.errors import Unavailable
from tests.kit.infrastructure import Postgres, TestDatabase


async def test_no_free_connection_may_go_better_next_time(postgres: Postgres) -> None:
    database = postgres.new_database().open("planner")
    async with AsyncExitStack() as held:
        for _ in range(POOL_SIZE):
            await held.enter_async_context(database.tenant("acme"))
        with pytest.raises(Unavailable, match="connections are in use"):
            await database.check()
    await database.check()
    await database.close()


async def test_a_failure_tells_a_caller_nothing_of_host_port_or_role(
    postgres: Postgres, caplog: pytest.LogCaptureFixture
) -> None:
    url = make_url(postgres.new_database().url("planner"))
    refusing = Database(url.render_as_string(hide_password=False), "wrong", "planner")
    away = Database(url.set(port=1).render_as_string(hide_password=False), "secret", "planner")
    for database in (refusing, away):
        with caplog.at_level(logging.WARNING), pytest.raises(Unavailable) as caught:
            await database.check()
        shown = f"{caught.value.message} {caught.value.remedy}"
        assert not any(
            hidden in shown for hidden in ("127.0.0.1", "localhost", "port", "planner", "password")
        )
        await database.close()
    assert "127.0.0.1" in str([record.__dict__.get("fields") for record in caplog.records])


def end_connections(postgres: Postgres, database: TestDatabase) -> None:
    statement = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database()"
    postgres.execute(database.name, f"{statement} AND pid <> pg_backend_pid()")


async def test_a_connection_that_ended_while_it_lay_idle_is_replaced_unseen(postgres: Postgres) -> None:
    made = postgres.new_database()
    database = Database(made.url("planner"), "secret", "planner", idle_seconds=0)
    await database.check()
    end_connections(postgres, made)
    await database.check()
    await database.close()


async def test_a_connection_that_ended_a_moment_after_its_use_fails_one_transaction(
    postgres: Postgres,
) -> None:
    made = postgres.new_database()
    database = Database(made.url("planner"), "secret", "planner", idle_seconds=3600)
    async with database.tenant("acme"), database.tenant("acme"):
        pass
    end_connections(postgres, made)
    with pytest.raises(Unavailable, match="there is no connection to it"):
        await database.check()
    await database.check()
    await database.close()


@pytest.mark.parametrize(("durable", "commit"), [(True, "on"), (False, "off")])
async def test_background_work_says_whether_its_commit_waits_for_the_disk(
    postgres: Postgres, durable: bool, commit: str
) -> None:
    database = postgres.new_database().open("planner")
    async with database.system(durable=durable) as connection:
        found = (
            await connection.execute(text("SELECT current_setting('synchronous_commit'), current_user"))
        ).one()
    assert tuple(found) == (commit, "planner_system")
    async with database.tenant("acme") as connection:
        assert (await connection.execute(text("SELECT current_user"))).scalar_one() == "planner"
    await database.close()
