"""Starts the signer, or revokes a key: `python -m services.signer [revoke HINT]`."""

from __future__ import annotations

import argparse
import sys

from stellaops.export.v1 import keys_pb2
from stellaops.export.v1.keys_pb2_grpc import add_KeyServiceServicer_to_server

from libs.common import service
from libs.common.blobs.store import Blobs
from libs.common.bus.client import Bus
from libs.common.bus.subjects import SIGN, WORK_SIGN
from libs.common.bus.worker import Worker
from libs.common.db.engine import Database
from libs.common.rpc.server import Server, serve
from services.signer.api.keys import Keys
from services.signer.attempts import Attempts
from services.signer.config import SignerSettings
from services.signer.intake import MAX_ATTEMPTS, SignIntake
from services.signer.keyring import Keyring
from services.signer.providers.choose import open_provider
from services.signer.store.keys import KeyStore

SERVICE = "signer"
BLOB_AREA = "exports"


def main(arguments: list[str]) -> int:
    """Run the command and return its exit code."""
    parser = argparse.ArgumentParser(prog="python -m services.signer", description=__doc__)
    commands = parser.add_subparsers(dest="command")
    revoke = commands.add_parser("revoke", help="let nothing count that a key makes from now on")
    revoke.add_argument("hint", help="the key's hint, as `stella export key list` shows it")
    chosen = parser.parse_args(arguments)
    if chosen.command is None:
        return service.run(SERVICE, SignerSettings, _run)
    hint: str = chosen.hint
    return service.run(SERVICE, SignerSettings, lambda configuration: _revoke(configuration, hint))


def _keyring(configuration: SignerSettings, database: Database) -> Keyring:
    provider = open_provider(configuration.keys_uri, configuration.key_password_file)
    return Keyring(KeyStore(database), provider)


async def _run(configuration: SignerSettings) -> None:
    database = Database.open(configuration, SERVICE)
    keyring = _keyring(configuration, database)
    await keyring.open(await keyring.ensure())
    bus = await Bus.open(configuration, SERVICE)
    blobs = Blobs(configuration.blobs_url, BLOB_AREA)
    intake = SignIntake(bus, Attempts(database, keyring, blobs, configuration.builder_id))
    worker = Worker(
        bus,
        stream=SIGN,
        durable="sign",
        subject=WORK_SIGN,
        handler=intake.handle,
        give_up=intake.give_up,
        concurrency=configuration.sign_concurrency,
        max_attempts=MAX_ATTEMPTS,
    )
    server = Server(configuration)
    add_KeyServiceServicer_to_server(Keys(keyring), server.grpc)

    await serve(
        server,
        [keys_pb2.DESCRIPTOR.services_by_name["KeyService"].full_name],
        [database.check, bus.check],
        [worker.run()],
        [bus.close, database.close],
    )


async def _revoke(configuration: SignerSettings, hint: str) -> None:
    database = Database.open(configuration, SERVICE)
    revoked = await _keyring(configuration, database).revoke(hint)
    await database.close()
    sys.stdout.write(f"Key version {revoked.version} is revoked as of {revoked.valid_until}.\n")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
