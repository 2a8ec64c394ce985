"""A ledger on a real database, made anew for each test."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.kit.infrastructure import TestDatabase
from tests.kit.ledger import TestLedger, open_ledger


@pytest.fixture
async def ledger(database: TestDatabase, tmp_path: Path) -> AsyncIterator[TestLedger]:
    database.migrate("evidence")
    async with open_ledger(database, tmp_path) as opened:
        yield opened
