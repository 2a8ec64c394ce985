"""A database for each module; a folder of blobs, a run and the distributor's two doors for each test."""

from __future__ import annotations

import itertools
import json
import time
from collections.abc import AsyncIterator, Iterable
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import grpc
import httpx
import pytest
from prometheus_client import CollectorRegistry
from stellaops.export.v1 import distributions_pb2_grpc

from libs.common import clock
from libs.common.blobs.collecting import Area
from libs.common.blobs.store import Blobs
from libs.common.db.engine import Database
from libs.common.http.door import HttpDoor
from libs.common.metrics import CollectionMetrics
from libs.common.rpc.access import DOWNLOAD, READ
from libs.common.rpc.server import Server
from libs.common.rpc.tokens import TokenIssuer, TokenVerifier
from libs.common.settings import ServiceSettings
from services.distributor.__main__ import drivers
from services.distributor.api.distributions import Distributions
from services.distributor.collect.collector import Collector, Wish
from services.distributor.collect.schedule import Collections
from services.distributor.deliver import Deliveries
from services.distributor.downloads import Downloads
from services.distributor.files import application
from services.distributor.intake import order_of
from services.distributor.layouts import Layouts
from tests.kit.bundles import Files, make_bundle, tar_of
from tests.kit.infrastructure import Postgres
from tests.kit.stored_bundles import EXPORT_ID, StoredFiles, distribute_work, store_files
from tests.kit.times import DAY

ISSUER = TokenIssuer.create("https://issuer.test", "export-center")
if TYPE_CHECKING:  # the asynchronous form of a stub is a type alone
    Rpc = distributions_pb2_grpc.DistributionServiceAsyncStub
else:
    Rpc = distributions_pb2_grpc.DistributionServiceStub

WISH = Wish(timedelta(hours=24), timedelta(days=30))
_NUMBERS = itertools.count(1)


def headers(
    tenants: Iterable[str] = ("acme",), scopes: Iterable[str] = (READ, DOWNLOAD), tenant: str | None = None
) -> dict[str, str]:
    """Return the headers with which somebody asks."""
    now = int(time.time())
    found = {"authorization": "Bearer " + ISSUER.issue("ann", tenants, scopes, now, now + DAY)}
    return found if tenant is None else found | {"x-stella-tenant": tenant}


@dataclass(frozen=True, slots=True)
class Stock:
    """Where deliveries go."""

    database: Database
    blobs: Blobs
    layouts: Layouts
    deliveries: Deliveries
    downloads: Downloads
    collections: Collections


@dataclass(frozen=True, slots=True)
class Delivered:
    """A bundle that is there to be downloaded as `run` of `acme`."""

    run: str
    files: Files
    tar: bytes
    stored: StoredFiles
    export_id: str


@pytest.fixture(scope="module")
async def distributor_database(postgres: Postgres) -> AsyncIterator[Database]:
    database = postgres.new_database()
    database.migrate("distributor")
    opened = database.open("distributor")
    yield opened
    await opened.close()


@pytest.fixture
def stock(distributor_database: Database, tmp_path: Path) -> Stock:
    blobs = Blobs(f"file://{tmp_path / 'blobs'}", "exports")
    layouts = Layouts(blobs)
    return Stock(
        distributor_database,
        blobs,
        layouts,
        Deliveries(distributor_database, blobs, layouts, drivers(), clock.now),
        Downloads(distributor_database, blobs, layouts),
        Collections(
            Collector(distributor_database, blobs, Area(blobs)), WISH, CollectionMetrics(CollectorRegistry())
        ),
    )


@pytest.fixture
def run() -> str:
    return f"run-{next(_NUMBERS):05}"


@pytest.fixture
async def delivered(stock: Stock, run: str) -> Delivered:
    # One file is larger than a chunk, so that answers come in several.
    files = dict(sorted({**make_bundle(), "data/large.bin": bytes(range(256)) * 10_000}.items()))
    stored = await store_files(stock.blobs, files, piece_bytes=300_000)
    await deliver(stock, stored, run)
    return Delivered(run, files, tar_of(files), stored, EXPORT_ID)


async def deliver(
    stock: Stock, stored: StoredFiles, run: str, *, tenant: str = "acme", attempt: int = 1
) -> None:
    """Deliver a stored bundle as the intake does."""
    work = distribute_work(stored, run, tenant=tenant, attempt=attempt)
    assert await stock.deliveries.deliver(order_of(work))


@pytest.fixture
async def http(stock: Stock) -> AsyncIterator[httpx.AsyncClient]:
    verifier = TokenVerifier(json.loads(ISSUER.jwks()), "https://issuer.test", "export-center")
    door = HttpDoor(application(stock.downloads, verifier, clock.now), "127.0.0.1:0")
    address = await door.start()
    async with httpx.AsyncClient(base_url=f"http://{address}", headers=headers()) as client:
        yield client
    await door.stop()


@pytest.fixture
async def rpc(stock: Stock, tmp_path: Path) -> AsyncIterator[Rpc]:
    (tmp_path / "jwks").write_text(ISSUER.jwks())
    server = Server(
        ServiceSettings(blobs_url="", jwks_file=str(tmp_path / "jwks"), token_issuer="https://issuer.test")
    )
    distributions_pb2_grpc.add_DistributionServiceServicer_to_server(
        Distributions(stock.database, stock.downloads, stock.collections), server.grpc
    )
    address = await server.start(["stellaops.export.v1.DistributionService"])
    async with grpc.aio.insecure_channel(address) as channel:
        yield distributions_pb2_grpc.DistributionServiceStub(channel)
    await server.grpc.stop(0)
