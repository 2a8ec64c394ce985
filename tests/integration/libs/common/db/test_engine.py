"""Transactions: what a request sees where no connection is to be had."""

from __future__ import annotations

from contextlib import AsyncExitStack

import pytest

from libs.common.db.engine import POOL_SIZE
from libs.common.errors import Unavailable
from tests.kit.infrastructure import Postgres


async def test_no_free_connection_may_go_better_next_time(postgres: Postgres) -> None:
    database = postgres.new_database().open("planner")
    async with AsyncExitStack() as held:
        for _ in range(POOL_SIZE):
            await held.enter_async_context(database.tenant("acme"))
        with pytest.raises(Unavailable, match="connections are in use"):
            await database.check()
    await database.check()
    await database.close()
