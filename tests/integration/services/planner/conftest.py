"""Fixtures of the planner's tests over real services."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from tests.kit.infrastructure import Nats, Postgres, TestDatabase
from tests.kit.planner import Ground, House, ground


@pytest.fixture
async def land(tmp_path: Path, database: TestDatabase, nats: Nats) -> AsyncIterator[Ground]:
    """Ground of its own, for a test that starts its planners itself."""
    async with ground(tmp_path, database, nats) as found:
        yield found


@pytest.fixture(scope="module")
async def shared_house(
    tmp_path_factory: pytest.TempPathFactory, postgres: Postgres, nats: Nats
) -> AsyncIterator[House]:
    async with (
        ground(tmp_path_factory.mktemp("planner"), postgres.new_database(), nats) as land,
        land.planner() as found,
    ):
        yield found


@pytest.fixture
def house(shared_house: House) -> Iterator[House]:
    """One planner for the tests of a module, each of which has a tenant of its own."""
    yield shared_house
    shared_house.workers.obey()
    shared_house.evidence.recover()


@pytest.fixture
def tenant(request: pytest.FixtureRequest) -> str:
    """A tenant of the test's own."""
    name: str = request.node.name
    return name.partition("[")[0].removeprefix("test_").replace("_", "-")[:50].strip("-")
