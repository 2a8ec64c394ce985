"""Fixtures of the planner's tests over real services."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.kit.infrastructure import Nats, TestDatabase
from tests.kit.planner import Ground, House, ground


@pytest.fixture
async def land(tmp_path: Path, database: TestDatabase, nats: Nats) -> AsyncIterator[Ground]:
    async with ground(tmp_path, database, nats) as found:
        yield found


@pytest.fixture
async def house(land: Ground) -> AsyncIterator[House]:
    async with land.planner() as found:
        yield found
