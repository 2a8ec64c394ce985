"""Whose area of a store it is: said once, whatever tenants are called; again where a power cut took it."""

from __future__ import annotations

from pathlib import Path

import obstore
import pytest

from libs.common.blobs.collecting import Area
from libs.common.blobs.store import Blobs
from libs.common.errors import AreaTaken


@pytest.fixture
def blobs(tmp_path: Path) -> Blobs:
    return Blobs(f"file://{tmp_path}", "exports")


async def test_an_area_is_of_the_installation_that_came_first(blobs: Blobs) -> None:
    area = Area(blobs)
    await area.claim("one")
    await area.claim("one")
    with pytest.raises(AreaTaken, match="one"):
        await area.claim("other")


@pytest.mark.parametrize("tenant", ["owner", "clock"])
async def test_a_tenant_may_have_any_name(blobs: Blobs, tenant: str) -> None:
    area = Area(blobs)
    blob = await blobs.put(tenant, b"evidence")
    await area.claim("one")
    await area.now()
    assert await blobs.get(tenant, blob.digest) == b"evidence"
    assert await area.tenants() == [tenant]


async def test_what_a_power_cut_has_emptied_is_said_again(blobs: Blobs) -> None:
    await obstore.put_async(blobs.store, "exports/_owner", b"")
    await Area(blobs).claim("one")
    with pytest.raises(AreaTaken):
        await Area(blobs).claim("other")
