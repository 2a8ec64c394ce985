"""Starts the evidence service: the ledger, imports, and the sweep of what nobody can see any more."""

from __future__ import annotations

import gc
import os
import sys
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

from stellaops.evidence.v1 import imports_pb2, ledger_pb2
from stellaops.evidence.v1.imports_pb2_grpc import add_ImportServiceServicer_to_server
from stellaops.evidence.v1.ledger_pb2_grpc import add_LedgerServiceServicer_to_server

from libs.common import clock, service
from libs.common.blobs.collecting import Area
from libs.common.blobs.store import Blobs
from libs.common.db.engine import Database
from libs.common.metrics import CollectionMetrics
from libs.common.rpc.server import Server, serve
from services.evidence.api.imports import Imports
from services.evidence.api.ledger import Ledger
from services.evidence.config import EvidenceSettings
from services.evidence.importing.gather import Readers
from services.evidence.importing.processes import Processes
from services.evidence.ledger.deletion import Deleter
from services.evidence.ledger.importer import Importer
from services.evidence.ledger.orphans import Orphans
from services.evidence.ledger.reading import Reader
from services.evidence.ledger.sweep import Sweeper
from services.evidence.ledger.transaction import Pools, Transactions

SERVICE = "evidence"
BLOB_AREA = "evidence"
GARBAGE_THRESHOLD = (
    50_000  # parsed documents hold no cycles: looking for them at Python's 700 takes a fifth of the time
)
MOST_PROCESSES = 8  # one thread merges what they read: more of them would wait for it


def main() -> int:
    """Run until told to stop, and return the exit code."""
    gc.set_threshold(GARBAGE_THRESHOLD)
    return service.run(SERVICE, EvidenceSettings, _run)


async def _run(configuration: EvidenceSettings) -> None:
    database = Database.open(configuration, SERVICE)
    blobs = Blobs(configuration.blobs_url, BLOB_AREA)
    pools = Pools(
        ThreadPoolExecutor(configuration.import_concurrency + 1, "import"),
        ThreadPoolExecutor(configuration.frame_threads, "frames"),
    )
    processes = Processes(configuration.import_processes or min(_cores(), MOST_PROCESSES))
    readers = Readers(processes.read, processes.count)
    transactions = Transactions(database, blobs, pools, clock.now)
    importer = Importer(transactions, pools, readers, clock.now, configuration.import_concurrency)
    server = Server(configuration)
    imports = Imports(importer, Deleter(transactions), clock.now)
    add_ImportServiceServicer_to_server(imports, server.grpc)
    add_LedgerServiceServicer_to_server(Ledger(Reader(database, blobs, clock.now)), server.grpc)
    orphans = Orphans(database, Area(blobs), CollectionMetrics())
    sweeper = Sweeper(database, blobs, clock.now, configuration.sweep_seconds)
    await serve(
        server,
        [
            imports_pb2.DESCRIPTOR.services_by_name["ImportService"].full_name,
            ledger_pb2.DESCRIPTOR.services_by_name["LedgerService"].full_name,
        ],
        [database.check],
        [sweeper.run(), orphans.run(timedelta(minutes=configuration.collect_minutes))],
        [database.close],
    )
    pools.imports.shutdown()
    pools.frames.shutdown()
    processes.close()


def _cores() -> int:
    """Return how many cores this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


if __name__ == "__main__":
    sys.exit(main())
