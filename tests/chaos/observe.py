"""Looks at a suite at rest: its rows, its bus, its store."""

from __future__ import annotations

import asyncio
import hashlib
import time
from collections.abc import Iterable
from datetime import timedelta
from pathlib import Path
from typing import Any

from prometheus_client import CollectorRegistry
from stellaops.export.work.v1.work_pb2 import BundleLayout

from cli.stella.supervise.ports import LOOPBACK
from cli.stella.supervise.suite import DATABASE
from libs.common.blobs.collecting import Area
from libs.common.blobs.store import Blobs
from libs.common.bus.client import Bus
from libs.common.bus.subjects import ADAPT, DISTRIBUTE, PLAN, SIGN
from libs.common.db.engine import Database
from libs.common.errors import Unavailable
from libs.common.metrics import CollectionMetrics
from services.evidence.ledger.orphans import Orphans
from tests.chaos.observation import Bundle, Delivery, Event, Rest, RunSeen, Store
from tests.chaos.world import EXPORTER, LOOK_SECONDS, RUNS, World

QUEUES = (PLAN, ADAPT, SIGN, DISTRIBUTE, "RESULT")
# What was taken by a worker that died comes again after six seconds, and its results pass through planners.
REST_SECONDS = 40.0


def runs(world: World) -> list[RunSeen]:
    """Return all runs of the exporting tenant."""
    rows = world.query(
        "SELECT run, profile, state, attempt, sequence FROM planner.export_runs "
        "WHERE tenant = %s ORDER BY run",
        EXPORTER,
    )
    return [_run(world, *row) for row in rows]


def _run(world: World, run: str, profile: str, state: str, attempt: int, sequence: int) -> RunSeen:
    def rows(statement: str) -> list[Any]:
        return world.query(f"{statement} WHERE tenant = %s AND run = %s", EXPORTER, run)

    events = rows("SELECT sequence, attempt, type FROM planner.export_events")
    deliveries = rows("SELECT run, target, state, attempt, digest FROM distributor.export_distributions")
    bundles = rows("SELECT run, attempt, tar_digest FROM distributor.export_bundles")
    return RunSeen(
        run,
        profile,
        state,
        attempt,
        sequence,
        tuple(target for (target,) in rows("SELECT target FROM planner.export_targets")),
        tuple(Event(*event) for event in sorted(events)),
        tuple(Delivery(*delivery) for delivery in deliveries),
        tuple(Bundle(of, signed, tar, _downloaded(world, of)) for of, signed, tar in bundles),
        tuple(sorted(signed for (signed,) in rows("SELECT attempt FROM signer.signatures"))),
        asyncio.run(_told(world, run)),
    )


def _downloaded(world: World, run: str) -> str:
    return f"sha256:{hashlib.sha256(world.exporter.read(f'{RUNS}/{run}/bundle')).hexdigest()}"


async def _told(world: World, run: str) -> dict[str, int]:
    bus = await _connect(world)
    try:
        found = await bus.jetstream.stream_info("EVENTS", f"export.events.{EXPORTER}.{run}.*")
    finally:
        await bus.close()
    subjects: dict[str, int] = found.state.subjects or {}
    return {subject.rpartition(".")[2]: count for subject, count in subjects.items()}


async def _connect(world: World) -> Bus:
    password = (world.suite.data / "secrets" / "nats" / "provision").read_text(encoding="ascii")
    return await Bus.connect(f"nats://127.0.0.1:{world.ports['nats']}", "provision", password, "chaos")


def rest(world: World) -> Rest:
    """Return what is left to do once nothing is, or when patience ends."""
    deadline = time.monotonic() + REST_SECONDS
    while True:
        found = _left(world)
        if found.is_quiet or time.monotonic() > deadline:
            return found
        time.sleep(5 * LOOK_SECONDS)


def _left(world: World) -> Rest:
    [(unsent,)] = world.query("SELECT count(*) FROM planner.outbox")
    try:
        messages, in_hand = asyncio.run(_queues(world))
    except Unavailable as error:
        return Rest(messages={str(error): 1})
    return Rest(unsent, messages, in_hand)


async def _queues(world: World) -> tuple[dict[str, int], dict[str, int]]:
    bus = await _connect(world)
    try:
        messages = {name: (await bus.jetstream.stream_info(name)).state.messages for name in QUEUES}
        consumers = [each for name in QUEUES for each in await bus.jetstream.consumers_info(name)]
    finally:
        await bus.close()
    return messages, {each.name: each.num_ack_pending or 0 for each in consumers}


def exports(world: World) -> Store:
    """Return the blobs of exports, and those that the layouts of bundles and of begun deliveries lead to.

    A delivery that was cancelled or has failed keeps its layout for as long as the run may be retried.
    """
    folder = world.suite.data / "blobs" / "exports" / EXPORTER
    rows = world.query(
        "SELECT layout_digest FROM distributor.export_bundles WHERE tenant = %s UNION "
        "SELECT layout_digest FROM distributor.export_distributions "
        "WHERE tenant = %s AND layout_digest <> ''",
        EXPORTER,
        EXPORTER,
    )
    needed: set[str] = set()
    for (digest,) in rows:
        needed.add(digest)
        layout = BundleLayout.FromString(_path(folder, digest).read_bytes())
        needed.update(piece.digest for file in layout.files for piece in file.pieces)
    return _store(folder, needed)


def ledger(world: World, tenant: str) -> Store:
    """Return the blobs of evidence, and those that the segments of any snapshot lead to."""
    rows = world.query(
        "SELECT documents_stored_digest, sources_stored_digest, ledger_stored_digest FROM evidence.segments "
        "WHERE tenant = %s",
        tenant,
    )
    return _store(
        world.suite.data / "blobs" / "evidence" / tenant, {digest for row in rows for digest in row}
    )


def evidence_state(world: World, tenant: str) -> frozenset[tuple[str, ...]]:
    """Return what the newest evidence of a tenant is made of, whatever has been before."""
    rows = world.query(
        "SELECT kind, source, encode(first_key, 'escape'), documents_plain_digest, sources_plain_digest "
        "FROM evidence.segments WHERE tenant = %s AND removed_sequence IS NULL",
        tenant,
    )
    return frozenset(tuple(row) for row in rows)


def _store(folder: Path, needed: Iterable[str]) -> Store:
    paths = [path for path in (folder / "sha256").glob("*/*") if path.is_file()]
    whole = [path for path in paths if not path.name.startswith(".")]
    remains = [path.name for path in paths if path.name.startswith(".")]
    present = {f"sha256:{path.parent.name}{path.name}" for path in whole}
    return Store(frozenset(present), frozenset(needed), tuple(sorted(remains)))


def _path(folder: Path, digest: str) -> Path:
    return folder / "sha256" / digest[7:9] / digest[9:]


def pinned(world: World) -> int:
    """Return how many snapshots are held for runs; those of calls that broke off are let go of later."""
    [(count,)] = world.query(
        "SELECT count(*) FROM evidence.snapshots AS held WHERE tenant = %s AND NOT EXISTS (SELECT 1 "
        "FROM planner.snapshot_holds AS begun WHERE begun.tenant = held.tenant AND begun.run = held.holder)",
        EXPORTER,
    )
    return int(count)


def collect_frames(world: World, tenant: str) -> None:
    """Collect the frames of imports that died, as the service does, but without its grace period."""
    asyncio.run(_collect_frames(world, tenant))


async def _collect_frames(world: World, tenant: str) -> None:
    password = (world.suite.data / "secrets" / "database" / "evidence").read_text(encoding="ascii")
    address = f"{LOOPBACK}:{world.ports['postgres']}"
    database = Database(f"postgresql://evidence@{address}/{DATABASE}", password, "evidence")
    area = Area(Blobs(f"file://{world.suite.data / 'blobs'}", "evidence"))
    try:
        await Orphans(database, area, CollectionMetrics(CollectorRegistry()), timedelta(0)).collect(tenant)
    finally:
        await database.close()
