"""One gateway for the tests of a module, and made-up services behind it that forget after each test."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator

import pytest

from tests.kit.gateway import Gateway, Services, gateway, served


@pytest.fixture(scope="module")
async def shared_door(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Gateway]:
    folder = tmp_path_factory.mktemp("gateway")
    services = Services()
    async with served(folder, services), gateway(folder, services) as found:
        yield found


@pytest.fixture
def door(shared_door: Gateway) -> Iterator[Gateway]:
    yield shared_door
    shared_door.services.asked.clear()
    shared_door.services.answers.clear()
