"""Collects one tenant's blobs without a pause until it is killed: `database-url blobs-url tenant`."""

from __future__ import annotations

import asyncio
import sys
from datetime import timedelta

from libs.common.blobs.collecting import Area
from libs.common.blobs.store import Blobs
from libs.common.db.engine import Database
from services.distributor.collect.collector import Collector, Wish

WISH = Wish(timedelta(hours=24), timedelta(days=30))


async def main(database_url: str, blobs_url: str, tenant: str) -> None:
    """Collect, and say each time how many blobs went."""
    blobs = Blobs(blobs_url, "exports")
    collector = Collector(Database(database_url, "secret", "distributor"), blobs, Area(blobs))
    while True:
        tally = await collector.collect(tenant, WISH)
        sys.stdout.write(f"{0 if tally is None else tally.collected}\n")
        sys.stdout.flush()


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
