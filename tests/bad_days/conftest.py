"""One suite for all that does not break it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.bad_days.case import Day
from tests.kit.suite import Suite, running_suite


@pytest.fixture(scope="session")
def shared_suite(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Suite]:
    folder = tmp_path_factory.mktemp("bad-days")
    with running_suite(folder / "data", settings={"points_directory": str(folder / "points")}) as running:
        yield running


@pytest.fixture
def day(shared_suite: Suite, tmp_path: Path) -> Day:
    return Day(shared_suite, tmp_path)
