"""Starts the evidence service: the ledger, imports, and the sweep of what nobody can see any more."""

from __future__ import annotations

import asyncio
import gc
import sys
from concurrent.futures import ThreadPoolExecutor

from stellaops.evidence.v1 import imports_pb2, ledger_pb2
from stellaops.evidence.v1.imports_pb2_grpc import add_ImportServiceServicer_to_server
from stellaops.evidence.v1.ledger_pb2_grpc import add_LedgerServiceServicer_to_server

from libs.common import clock, settings
from libs.common.blobs.store import Blobs
from libs.common.db.engine import Database
from libs.common.errors import ExportError
from libs.common.log import configure
from libs.common.rpc.server import Server, serve
from services.evidence.api.imports import Imports
from services.evidence.api.ledger import Ledger
from services.evidence.config import EvidenceSettings
from services.evidence.ledger.deletion import Deleter
from services.evidence.ledger.importer import Importer
from services.evidence.ledger.reading import Reader
from services.evidence.ledger.sweep import Sweeper
from services.evidence.ledger.transaction import Pools, Transactions

SERVICE = "evidence"
BLOB_AREA = "evidence"
GARBAGE_THRESHOLD = (
    50_000  # parsed documents hold no cycles: looking for them at Python's 700 takes a fifth of the time
)


def main() -> int:
    """Run until told to stop, and return the exit code."""
    try:
        configuration = settings.load(EvidenceSettings)
        configure(SERVICE, configuration.log_level)
        gc.set_threshold(GARBAGE_THRESHOLD)
        asyncio.run(_run(configuration))
    except ExportError as error:
        sys.stderr.write(f"error: {error.message} ({error.code})\nhint: {error.remedy}\n")
        return 1
    return 0


async def _run(configuration: EvidenceSettings) -> None:
    password = settings.read_secret("database_password_file", configuration.database_password_file)
    database = Database(configuration.database_url, password, SERVICE)
    blobs = Blobs(configuration.blobs_url, BLOB_AREA)
    pools = Pools(
        ThreadPoolExecutor(configuration.import_concurrency + 1, "import"),
        ThreadPoolExecutor(configuration.frame_threads, "frames"),
    )
    transactions = Transactions(database, blobs, pools, clock.now)
    importer = Importer(transactions, pools, clock.now, configuration.import_concurrency)
    server = Server(configuration)
    imports = Imports(importer, Deleter(transactions), clock.now)
    add_ImportServiceServicer_to_server(imports, server.grpc)
    add_LedgerServiceServicer_to_server(Ledger(Reader(database, blobs, clock.now)), server.grpc)
    sweeper = Sweeper(database, blobs, clock.now, configuration.sweep_seconds)
    await serve(
        server,
        [
            imports_pb2.DESCRIPTOR.services_by_name["ImportService"].full_name,
            ledger_pb2.DESCRIPTOR.services_by_name["LedgerService"].full_name,
        ],
        [database.check],
        [sweeper.run()],
        [database.close],
        configuration.ready_file,
    )
    pools.imports.shutdown()
    pools.frames.shutdown()


if __name__ == "__main__":
    sys.exit(main())
