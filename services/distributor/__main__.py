"""Starts the distributor: deliveries from the bus, the gRPC door, the HTTP door for downloads."""

from __future__ import annotations

import sys
from datetime import timedelta

from stellaops.export.v1 import distributions_pb2
from stellaops.export.v1.distributions_pb2_grpc import add_DistributionServiceServicer_to_server

from libs.common import clock, service
from libs.common.blobs.collecting import Area
from libs.common.blobs.store import Blobs
from libs.common.bus.client import Bus
from libs.common.db.engine import Database
from libs.common.discover import discover
from libs.common.http.door import HttpDoor, Tls
from libs.common.metrics import CollectionMetrics
from libs.common.rpc.server import Server, serve
from libs.common.rpc.tokens import TokenVerifier
from services.distributor.api.distributions import Distributions
from services.distributor.collect.collector import Collector, Wish
from services.distributor.collect.schedule import Collections
from services.distributor.config import DistributorSettings
from services.distributor.deliver import Deliveries
from services.distributor.downloads import Downloads
from services.distributor.drivers.base import Driver
from services.distributor.files import application
from services.distributor.forgetting import Forgetting
from services.distributor.intake import DistributeIntake
from services.distributor.layouts import Layouts

SERVICE = "distributor"
BLOB_AREA = "exports"
DRIVERS = "services.distributor.drivers"


def main() -> int:
    """Run until told to stop, and return the exit code."""
    return service.run(SERVICE, DistributorSettings, _run)


def drivers() -> dict[str, Driver]:
    """Return every driver that has a folder."""
    return discover(DRIVERS, "driver", "DRIVER", lambda driver: driver.name)


async def _run(configuration: DistributorSettings) -> None:
    database = Database.open(configuration, SERVICE)
    bus = await Bus.open(configuration, SERVICE)
    blobs = Blobs(configuration.blobs_url, BLOB_AREA)
    layouts = Layouts(blobs)
    downloads = Downloads(database, blobs, layouts)
    installed = drivers()
    intake = DistributeIntake(bus, Deliveries(database, blobs, layouts, installed, clock.now))
    await intake.listen()
    verifier = TokenVerifier.from_file(
        configuration.jwks_file, configuration.token_issuer, configuration.token_audience
    )
    door = HttpDoor(
        application(downloads, verifier, clock.now), configuration.http_listen, _tls(configuration)
    )
    await door.start()
    server = Server(configuration)
    collections = Collections(
        Collector(database, blobs, Area(blobs)), _wish(configuration), CollectionMetrics()
    )
    add_DistributionServiceServicer_to_server(Distributions(database, downloads, collections), server.grpc)

    forgetting = Forgetting(bus, database, clock.now)
    workers = [intake.worker(name, configuration.distribute_concurrency).run() for name in installed]
    workers.append(forgetting.worker().run())
    await serve(
        server,
        [distributions_pb2.DESCRIPTOR.services_by_name["DistributionService"].full_name],
        [database.check, bus.check],
        [door.run(), collections.run(timedelta(minutes=configuration.collect_minutes)), *workers],
        [door.stop, bus.close, database.close],
    )


def _wish(configuration: DistributorSettings) -> Wish:
    return Wish(
        timedelta(hours=configuration.collect_grace_hours), timedelta(days=configuration.collect_notes_days)
    )


def _tls(configuration: DistributorSettings) -> Tls | None:
    """Return the certificates between services: the door is for the gateway, and for nobody outside."""
    if not configuration.tls_certificate_file:
        return None
    return Tls(
        configuration.tls_certificate_file, configuration.tls_key_file, configuration.tls_authority_file
    )


if __name__ == "__main__":
    sys.exit(main())
