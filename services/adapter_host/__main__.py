"""Starts the adapter host: `python -m services.adapter_host`."""

from __future__ import annotations

import socket
import sys

from stellaops.export.v1 import adapters_pb2
from stellaops.export.v1.adapters_pb2_grpc import add_AdapterServiceServicer_to_server

from libs.common import service
from libs.common.blobs.store import Blobs
from libs.common.bus.client import Bus
from libs.common.bus.subjects import CANCEL_ALL
from libs.common.rpc.client import ServiceIdentity, open_channel
from libs.common.rpc.server import Server, serve
from services.adapter_host.api.catalog import Catalog
from services.adapter_host.cancels import Cancels
from services.adapter_host.config import AdapterHostSettings
from services.adapter_host.installed import installed_adapters
from services.adapter_host.intake import Intake, make_workers
from services.adapter_host.sources.ledger import Ledger
from services.adapter_host.stages import AdaptStage, AssembleStage

SERVICE = "adapter_host"
BLOB_AREA = "exports"


def main() -> int:
    """Serve until told to stop, and return the exit code."""
    return service.run(SERVICE, AdapterHostSettings, _run)


async def _run(configuration: AdapterHostSettings) -> None:
    adapters = installed_adapters()
    bus = await Bus.open(configuration, SERVICE)
    channel = open_channel(configuration.evidence_address, configuration)
    ledger = Ledger(channel, ServiceIdentity(configuration.service_token_file))
    blobs = Blobs(configuration.blobs_url, BLOB_AREA)
    cancels = Cancels()
    await bus.listen(CANCEL_ALL, cancels.hear)
    workers = make_workers(
        bus,
        [adapter.about for adapter in adapters.values()],
        Intake(AdaptStage(adapters, ledger, blobs, socket.gethostname()), bus, cancels),
        Intake(AssembleStage(adapters, blobs), bus, cancels),
        configuration.adapt_concurrency,
        configuration.assemble_concurrency,
    )
    server = Server(configuration)
    add_AdapterServiceServicer_to_server(Catalog(adapters), server.grpc)

    async def close_channel() -> None:
        await channel.close(None)

    await serve(
        server,
        [adapters_pb2.DESCRIPTOR.services_by_name["AdapterService"].full_name],
        [bus.check],
        [worker.run() for worker in workers],
        [bus.close, close_channel],
    )


if __name__ == "__main__":
    sys.exit(main())
