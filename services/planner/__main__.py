"""Starts the planner: `python -m services.planner`."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from dataclasses import dataclass
from typing import Any

from prometheus_client import REGISTRY, CollectorRegistry
from stellaops.export.v1 import profiles_pb2, runs_pb2
from stellaops.export.v1.profiles_pb2_grpc import add_ProfileServiceServicer_to_server
from stellaops.export.v1.runs_pb2_grpc import add_RunServiceServicer_to_server

from libs.common import service
from libs.common.bus import subjects
from libs.common.bus.client import Bus
from libs.common.bus.worker import Handler, Worker
from libs.common.clock import now
from libs.common.db.engine import Database
from libs.common.db.outbox import OutboxRelay
from libs.common.metrics import QueueMetrics, RunMetrics
from libs.common.rpc.client import ServiceIdentity, open_channel
from libs.common.rpc.server import Check, Server, serve
from services.planner.api.profiles import Profiles
from services.planner.api.runs import Runs
from services.planner.config import PlannerSettings
from services.planner.dispatch import Dispatcher
from services.planner.editing import Editing
from services.planner.housekeeping import Housekeeping, Keeping
from services.planner.intake import PLAN_ATTEMPTS, RESULT_ATTEMPTS, Intake
from services.planner.measuring import Measuring
from services.planner.planning import Planning
from services.planner.preparing import Preparing
from services.planner.previewing import Previewing
from services.planner.runs.release import Limits
from services.planner.runs.values import State
from services.planner.sources.adapters import AdapterHost
from services.planner.sources.ledger import Ledger
from services.planner.starting import Slots, Starting
from services.planner.transitions import Transitions
from services.planner.watching import Watching

SERVICE = "planner"
SERVICES = (
    profiles_pb2.DESCRIPTOR.services_by_name["ProfileService"].full_name,
    runs_pb2.DESCRIPTOR.services_by_name["RunService"].full_name,
)


@dataclass(frozen=True, slots=True)
class Planner:
    """A planner, put together: its door, its background work and what to close at the end, in order."""

    server: Server
    relay: OutboxRelay
    checks: Sequence[Check]
    background: Sequence[Callable[[], Coroutine[Any, Any, None]]]
    close: Sequence[Callable[[], Awaitable[None]]]


def compose(
    configuration: PlannerSettings, database: Database, bus: Bus, registry: CollectorRegistry
) -> Planner:
    """Put a planner together."""
    identity = ServiceIdentity(configuration.service_token_file)
    evidence = open_channel(configuration.evidence_address, configuration)
    adapter_host = open_channel(configuration.adapter_host_address, configuration)
    ledger, adapters = Ledger(evidence, identity), AdapterHost(adapter_host, identity)
    relay, bell = OutboxRelay(database, bus), asyncio.Event()
    transitions = Transitions(bus, now, RunMetrics(registry), wake_relay=relay.wake, wake_dispatcher=bell.set)
    planning = Planning(ledger, configuration.shard_bytes)
    preparing = Preparing(ledger, adapters, configuration.drivers())
    concurrent_runs = configuration.tenant_concurrent_runs
    slots = Slots(concurrent_runs, configuration.queued_runs)
    starting = Starting(database, preparing, transitions, now, slots)
    previewing = Previewing(database, preparing, planning, now)
    watching = Watching(database, bus)
    dispatcher = Dispatcher(
        database,
        transitions,
        bell,
        concurrent_runs=concurrent_runs,
        weights=configuration.weights(),
        limits=Limits(configuration.shards_in_flight, configuration.tenant_shards_in_flight),
    )
    intake = Intake(database, planning, transitions)
    server = Server(configuration, registry)
    editing = Editing(database, adapters, now, configuration.drivers())
    add_ProfileServiceServicer_to_server(Profiles(database, editing), server.grpc)
    runs = Runs(database, preparing, starting, previewing, watching, now)
    add_RunServiceServicer_to_server(runs, server.grpc)

    keeping = Keeping(configuration.keep_bundles_days, configuration.retry_days)

    async def close_channels() -> None:
        await evidence.close(None)
        await adapter_host.close(None)

    return Planner(
        server,
        relay,
        [database.check, bus.check],
        [
            relay.run,
            dispatcher.run,
            watching.run,
            Measuring(database, QueueMetrics(registry)).run,
            Housekeeping(database, ledger, transitions, keeping).run,
            *(worker.run for worker in _workers(bus, intake, configuration.result_concurrency, registry)),
        ],
        [bus.close, close_channels, database.close],
    )


def _workers(bus: Bus, intake: Intake, concurrency: int, registry: CollectorRegistry) -> list[Worker]:
    def worker(stream: str, durable: str, subject: str, stage: State, handler: Handler) -> Worker:
        return Worker(
            bus,
            stream=stream,
            durable=durable,
            subject=subject,
            handler=handler,
            give_up=intake.give_up(stage),
            concurrency=concurrency,
            max_attempts=PLAN_ATTEMPTS if stage is State.PLANNING else RESULT_ATTEMPTS,
            registry=registry,
        )

    return [
        worker(subjects.PLAN, "plan", subjects.WORK_PLAN, State.PLANNING, intake.plan),
        worker("RESULT", "result-adapt", subjects.RESULT_ADAPT, State.ADAPTING, intake.adapt),
        worker("RESULT", "result-assemble", subjects.RESULT_ASSEMBLE, State.ASSEMBLING, intake.assemble),
        worker("RESULT", "result-sign", subjects.RESULT_SIGN, State.SIGNING, intake.sign),
        worker(
            "RESULT",
            "result-distribute",
            subjects.RESULT_DISTRIBUTE,
            State.DISTRIBUTING,
            intake.distribute,
        ),
    ]


async def _run(configuration: PlannerSettings) -> None:
    database = Database.open(configuration, SERVICE)
    bus = await Bus.open(configuration, SERVICE)
    planner = compose(configuration, database, bus, REGISTRY)
    await serve(
        planner.server,
        SERVICES,
        planner.checks,
        [work() for work in planner.background],
        planner.close,
    )


def main() -> int:
    """Serve until told to stop; a fault at the start is two lines on standard error."""
    return service.run(SERVICE, PlannerSettings, _run)


if __name__ == "__main__":
    sys.exit(main())
