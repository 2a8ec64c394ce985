"""A planner over real PostgreSQL, NATS and gRPC, amid an upstream, adapters and workers that obey a test."""

# ruff: noqa: ARG002, N802 - names and arguments of the methods are those of the contract

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import grpc
import pytest
from prometheus_client import CollectorRegistry
from stellaops.evidence.v1 import ledger_pb2, ledger_pb2_grpc
from stellaops.export.v1 import (
    adapters_pb2,
    adapters_pb2_grpc,
    profiles_pb2,
    profiles_pb2_grpc,
    runs_pb2,
    runs_pb2_grpc,
)
from stellaops.export.v1.selectors_pb2 import (
    RECORD_KIND_ADVISORY,
    RECORD_KIND_VEX,
    RecordKind,
    Selector,
)
from stellaops.export.work.v1 import work_pb2

from libs.common.bus import subjects
from libs.common.bus.client import Bus
from libs.common.bus.worker import Delivery, Handler, Worker
from libs.common.db.engine import Database
from libs.common.errors import AdapterUnknown, SnapshotGone, Unavailable, Unimplemented
from libs.common.rpc.access import ROLES, SERVICE
from libs.common.rpc.identity import current_caller
from libs.common.rpc.server import Server
from libs.common.rpc.status import error_info
from libs.common.rpc.tokens import TokenIssuer
from libs.common.settings import ServiceSettings
from libs.common.trace import current_trace
from services.planner.__main__ import SERVICES, Planner, compose
from services.planner.config import PlannerSettings
from tests.kit.infrastructure import Nats, TestDatabase

KIND, VARIANT = "test", "plain"
ISSUER = "https://issuer.example"
MIB = 1 << 20
PATIENCE_SECONDS = 30.0
STOP_SECONDS = 5.0  # what calls in hand get to end, so that none is left with an open connection


@dataclass(frozen=True, slots=True)
class MadeSegment:
    """A segment that exists in name only; `content` tells it from another one of the same key."""

    key: bytes
    plain_bytes: int = MIB
    content: str = "first"

    def digest(self, what: str) -> str:
        """Return the digest of its documents or sources."""
        text = f"{what} {self.key!r} {self.plain_bytes} {self.content}"
        return "sha256:" + hashlib.sha256(text.encode()).hexdigest()


Datasets = Mapping[tuple[int, str], Sequence[MadeSegment]]
SMALL: Datasets = {
    (RECORD_KIND_ADVISORY, "osv-go"): [MadeSegment(b"GO-1"), MadeSegment(b"GO-5")],
    (RECORD_KIND_VEX, "vendor"): [MadeSegment(b"VEX-1")],
}


@dataclass
class Evidence(ledger_pb2_grpc.LedgerServiceServicer):
    """An upstream that pins what a tenant has when it is asked; `held` tells who holds what."""

    datasets: dict[str, Datasets] = field(default_factory=dict)
    lists_segments: bool = True
    down: bool = False
    traces: list[str] = field(default_factory=list)
    refusals: int = 0
    held: dict[tuple[str, str], str] = field(default_factory=dict)
    _pinned: dict[str, tuple[str, Datasets]] = field(default_factory=dict)
    _count: int = 0

    def recover(self) -> None:
        """Serve again like any upstream."""
        self.lists_segments, self.down = True, False

    def forget(self) -> None:
        """Lose every snapshot."""
        self.held.clear()
        self._pinned.clear()

    async def OpenSnapshot(
        self, request: ledger_pb2.OpenSnapshotRequest, context: Any
    ) -> ledger_pb2.Snapshot:
        self._refuse_when_down()
        tenant = current_caller().tenant
        holder = (tenant, request.holder)
        snapshot_id = self.held.get(holder) if request.holder else None
        if snapshot_id is None:
            self._count += 1
            snapshot_id = f"snapshot-{self._count}"
            self._pinned[snapshot_id] = (tenant, self._wanted(tenant, request))
            if request.holder:
                self.held[holder] = snapshot_id
        datasets = [
            _dataset(kind, source, segments)
            for (kind, source), segments in self._pinned[snapshot_id][1].items()
        ]
        joined = "".join(dataset.digest for dataset in datasets)
        snapshot = ledger_pb2.Snapshot(id=snapshot_id, digest=_sha256(joined), datasets=datasets, sequence=7)
        snapshot.as_of.FromJsonString("2026-01-02T03:04:05Z")
        return snapshot

    async def ReleaseSnapshot(
        self, request: ledger_pb2.ReleaseSnapshotRequest, context: Any
    ) -> ledger_pb2.ReleaseSnapshotResponse:
        self._refuse_when_down()
        found = self.held.pop((current_caller().tenant, request.holder), None)
        if found is None:
            raise SnapshotGone(snapshot=request.snapshot_id)
        return ledger_pb2.ReleaseSnapshotResponse()

    async def ListSegments(
        self, request: ledger_pb2.ListSegmentsRequest, context: Any
    ) -> ledger_pb2.ListSegmentsResponse:
        self._refuse_when_down()
        self.traces.append(current_trace())
        if not self.lists_segments:
            raise Unimplemented(method="ListSegments")
        tenant, datasets = self._pinned.get(request.snapshot_id, ("", {}))
        if tenant != current_caller().tenant:
            raise SnapshotGone(snapshot=request.snapshot_id)
        listed = datasets[request.kind, request.source]
        start = int(request.page_token or 0)
        page = listed[start : start + 3]
        more = start + 3 < len(listed)
        return ledger_pb2.ListSegmentsResponse(
            segments=[_segment(segment) for segment in page],
            next_page_token=str(start + 3) if more else "",
        )

    def _wanted(self, tenant: str, request: ledger_pb2.OpenSnapshotRequest) -> Datasets:
        return {
            (kind, source): list(segments)
            for (kind, source), segments in self.datasets.get(tenant, SMALL).items()
            if (not request.kinds or kind in request.kinds)
            and (not request.sources or source in request.sources)
        }

    def _refuse_when_down(self) -> None:
        if self.down:
            self.refusals += 1
            raise Unavailable(dependency="the made-up upstream", reason="a test says so")


def _sha256(text: str) -> str:
    return "sha256:" + hashlib.sha256(text.encode()).hexdigest()


def _segment(made: MadeSegment) -> ledger_pb2.Segment:
    frames = [
        ledger_pb2.Frame(plain_digest=made.digest(what), plain_bytes=made.plain_bytes)
        for what in ("documents", "sources")
    ]
    return ledger_pb2.Segment(
        first_key=made.key, last_key=made.key, records=10, documents=frames[0], sources=frames[1]
    )


def _dataset(kind: int, source: str, segments: Sequence[MadeSegment]) -> ledger_pb2.Dataset:
    joined = f"{kind} {source}" + "".join(segment.digest("documents") for segment in segments)
    dataset = ledger_pb2.Dataset(
        kind=RecordKind.ValueType(kind),
        source=source,
        records=10 * len(segments),
        segments=len(segments),
        plain_bytes=sum(segment.plain_bytes for segment in segments),
        digest=_sha256(joined),
    )
    dataset.as_of.FromJsonString("2026-01-02T03:04:05Z")
    return dataset


@dataclass
class Adapters(adapters_pb2_grpc.AdapterServiceServicer):
    """An adapter host with one adapter, which knows every ecosystem but `Nowhere`."""

    version: str = "1.0.0"

    async def ValidateSpec(
        self, request: adapters_pb2.ValidateSpecRequest, context: Any
    ) -> adapters_pb2.ValidateSpecResponse:
        spec = request.spec
        if (spec.kind, spec.variant) != (KIND, VARIANT):
            raise AdapterUnknown(adapter=f"{spec.kind}:{spec.variant}", known=f"{KIND}:{VARIANT}")
        faults = [
            adapters_pb2.FieldFault(
                field=f"spec.selector.ecosystems[{number}]", description="no such ecosystem"
            )
            for number, ecosystem in enumerate(spec.selector.ecosystems)
            if ecosystem == "Nowhere"
        ]
        adapter = adapters_pb2.Adapter(
            kind=KIND, variant=VARIANT, version=self.version, schema="https://example.org/plain/v1"
        )
        return adapters_pb2.ValidateSpecResponse(adapter=adapter, faults=faults)


@dataclass(frozen=True, slots=True)
class Failing:
    """An error that a worker answers with, so many times."""

    code: str
    retryable: bool
    times: int


def failing(code: str, *, retryable: bool = False, times: int = 1) -> Failing:
    """Return an error that a worker answers with, so many times."""
    return Failing(code, retryable, times)


class Workers:
    """Workers of all stages; `failing` and `idle` name stages, or `stage item` for one shard or target."""

    def __init__(self, buses: Mapping[str, Bus]) -> None:
        self._buses = buses
        self.failing: dict[str, Failing] = {}
        self.idle: set[str] = set()
        self.done: list[tuple[str, str, work_pb2.WorkContext]] = []
        self.work: dict[str, Any] = {}
        self.headers: dict[str, dict[str, str]] = {}
        self.cancelled: list[work_pb2.WorkContext] = []

    def obey(self) -> None:
        """Do all work again, without a fault."""
        self.failing.clear()
        self.idle.clear()

    async def listen(self) -> None:
        """Hear of cancelled runs."""

        async def hear(message: Any) -> None:
            self.cancelled.append(work_pb2.WorkContext.FromString(message.data))

        await self._buses["adapter_host"].listen(subjects.CANCEL_ALL, hear)

    def runs(self) -> list[Awaitable[None]]:
        """Return what works until it is cancelled."""
        return [
            self._worker(
                "adapter_host",
                subjects.ADAPT,
                f"adapt-{KIND}-{VARIANT}",
                subjects.work_adapt(KIND, VARIANT),
                self._adapt,
            ),
            self._worker(
                "adapter_host",
                subjects.ADAPT,
                f"assemble-{KIND}-{VARIANT}",
                subjects.work_assemble(KIND, VARIANT),
                self._assemble,
            ),
            self._worker("signer", subjects.SIGN, "sign", subjects.WORK_SIGN, self._sign),
            self._worker(
                "distributor",
                subjects.DISTRIBUTE,
                "distribute-http",
                subjects.work_distribute("http"),
                self._distribute,
            ),
        ]

    def _worker(
        self, user: str, stream: str, durable: str, subject: str, handler: Handler
    ) -> Awaitable[None]:
        bus = self._buses[user]
        worker = Worker(bus, stream=stream, durable=durable, subject=subject, handler=handler, concurrency=4)
        return worker.run()

    async def _adapt(self, delivery: Delivery) -> None:
        work = work_pb2.AdaptWork.FromString(delivery.payload)
        result = work_pb2.AdaptResult(context=work.context, shard=work.shard)
        result.done.output.digest = _sha256(f"output {work.shard}")
        result.done.output.bytes = 100
        result.done.records, result.done.segments, result.done.segments_reused = 10, 2, 1
        result.done.plain_bytes, result.done.stored_bytes = 1000, 300
        await self._answer(
            "adapter_host", subjects.RESULT_ADAPT, delivery, ("adapt", str(work.shard)), work, result
        )

    async def _assemble(self, delivery: Delivery) -> None:
        work = work_pb2.AssembleWork.FromString(delivery.payload)
        result = work_pb2.AssembleResult(context=work.context)
        result.done.manifest.digest, result.done.manifest.bytes = _sha256("manifest"), 500
        result.done.layout.digest, result.done.layout.bytes = _sha256("layout"), 200
        result.done.files, result.done.bytes = 5, 12_345
        await self._answer("adapter_host", subjects.RESULT_ASSEMBLE, delivery, ("assemble", ""), work, result)

    async def _sign(self, delivery: Delivery) -> None:
        work = work_pb2.SignWork.FromString(delivery.payload)
        result = work_pb2.SignResult(context=work.context)
        result.done.layout.digest, result.done.layout.bytes = _sha256("signed layout"), 250
        result.done.key_hint = "hint"
        await self._answer("signer", subjects.RESULT_SIGN, delivery, ("sign", ""), work, result)

    async def _distribute(self, delivery: Delivery) -> None:
        work = work_pb2.DistributeWork.FromString(delivery.payload)
        result = work_pb2.DistributeResult(context=work.context, target_id=work.target.id)
        result.done.digest, result.done.bytes, result.done.reference = _sha256("tar"), 20_480, "a place"
        await self._answer(
            "distributor", subjects.RESULT_DISTRIBUTE, delivery, ("distribute", work.target.id), work, result
        )

    async def _answer(
        self, user: str, subject: str, delivery: Delivery, step: tuple[str, str], work: Any, result: Any
    ) -> None:
        stage, item = step
        names = (stage, f"{stage} {item}")
        self.work[names[1].strip()] = work
        self.headers[names[1].strip()] = delivery.headers
        if self.idle.intersection(names):
            return
        for name in names:
            failing = self.failing.get(name)
            if failing is not None and failing.times:
                self.failing[name] = replace(failing, times=failing.times - 1)
                result.error.code, result.error.retryable = failing.code, failing.retryable
                result.error.message, result.error.cure = f"{stage} failed.", "Mend it."
        self.done.append((stage, item, work.context))
        await self._buses[user].publish(
            subject, result.SerializeToString(), f"result-{delivery.message_id}", delivery.headers
        )

    async def publish(self, user: str, subject: str, result: Any, message_id: str) -> None:
        """Send a result of a test's own."""
        await self._buses[user].publish(subject, result.SerializeToString(), message_id)


@contextlib.contextmanager
def refused(code: str) -> Iterator[None]:
    """Expect a call to be refused with a code of the catalogue."""
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        yield
    found = error_info(caught.value)
    assert found is not None, caught.value
    assert found.reason == code, caught.value.details()


@dataclass
class Client:
    """What one user of one tenant calls."""

    tenant: str
    metadata: tuple[tuple[str, str], ...]
    profiles: profiles_pb2_grpc.ProfileServiceAsyncStub
    runs: runs_pb2_grpc.RunServiceAsyncStub

    async def create_profile(
        self, profile_id: str = "nightly", *, request_id: str = "", validate_only: bool = False, **spec: Any
    ) -> profiles_pb2.Profile:
        """Create a profile of the made-up adapter."""
        wanted = profiles_pb2.ProfileSpec(**{"kind": KIND, "variant": VARIANT, **spec})
        request = profiles_pb2.CreateProfileRequest(
            profile_id=profile_id,
            profile=profiles_pb2.Profile(spec=wanted),
            request_id=request_id,
            validate_only=validate_only,
        )
        return await self.profiles.CreateProfile(request, metadata=self.metadata)

    async def start(
        self, profile: str = "nightly", request_id: str = "", selector: Selector | None = None
    ) -> runs_pb2.Run:
        """Start a run."""
        started: runs_pb2.Run = await self.runs.CreateRun(
            runs_pb2.CreateRunRequest(
                run=runs_pb2.Run(profile=profile, selector=selector), request_id=request_id
            ),
            metadata=self.metadata,
        )
        return started

    async def get(self, name: str) -> runs_pb2.Run:
        """Return a run."""
        found: runs_pb2.Run = await self.runs.GetRun(
            runs_pb2.GetRunRequest(name=name), metadata=self.metadata
        )
        return found

    async def watch(self, name: str, after: int = 0) -> list[runs_pb2.RunEvent]:
        """Return a run's events up to the terminal one."""
        request = runs_pb2.WatchRunRequest(name=name, after_sequence=after)
        async with asyncio.timeout(PATIENCE_SECONDS):
            return [event async for event in self.runs.WatchRun(request, metadata=self.metadata)]

    async def cancel(self, name: str, request_id: str = "") -> runs_pb2.Run:
        """Cancel a run."""
        found: runs_pb2.Run = await self.runs.CancelRun(
            runs_pb2.CancelRunRequest(name=name, request_id=request_id), metadata=self.metadata
        )
        return found

    async def retry(self, name: str, request_id: str = "") -> runs_pb2.Run:
        """Retry a run."""
        found: runs_pb2.Run = await self.runs.RetryRun(
            runs_pb2.RetryRunRequest(name=name, request_id=request_id), metadata=self.metadata
        )
        return found


def client_of(issuer: TokenIssuer, channel: grpc.aio.Channel, tenant: str, role: str = "publisher") -> Client:
    """Return a client of a tenant, with a token of its own."""
    moment = int(time.time())
    token = issuer.issue(f"user-{tenant}", [tenant], ROLES[role], moment, moment + 3600)
    return Client(
        tenant,
        (("authorization", f"Bearer {token}"),),
        profiles_pb2_grpc.ProfileServiceStub(channel),
        runs_pb2_grpc.RunServiceStub(channel),
    )


@dataclass
class House:
    """A running planner and all that stands around it."""

    settings: PlannerSettings
    database: Database
    bus: Bus
    evidence: Evidence
    adapters: Adapters
    workers: Workers
    issuer: TokenIssuer
    registry: CollectorRegistry
    planner: Planner
    channel: grpc.aio.Channel

    def client(self, tenant: str, role: str = "publisher") -> Client:
        """Return a client of a tenant."""
        return client_of(self.issuer, self.channel, tenant, role)

    def count(self, sample: str, **labels: str) -> float:
        """Return the value of a metric."""
        return self.registry.get_sample_value(sample, labels) or 0.0


async def until(holds: Callable[[], Awaitable[bool]]) -> None:
    """Wait until something holds."""
    async with asyncio.timeout(PATIENCE_SECONDS):
        while not await holds():  # noqa: ASYNC110 - it becomes true in another process
            await asyncio.sleep(0.02)


@contextlib.asynccontextmanager
async def working(coroutines: Iterable[Awaitable[None]]) -> AsyncIterator[None]:
    """Let coroutines that never end run for a while; an error of one of them is raised."""
    tasks = [asyncio.ensure_future(coroutine) for coroutine in coroutines]
    try:
        yield
    finally:
        failed = [task for task in tasks if task.done() and not task.cancelled()]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        for task in failed:
            task.result()


@dataclass
class Ground:
    """What planners of one test stand on, one after another: files, tokens, upstreams, workers."""

    folder: Path
    issuer: TokenIssuer
    evidence: Evidence
    adapters: Adapters
    workers: Workers
    settings: PlannerSettings
    database: TestDatabase
    nats: Nats

    @contextlib.asynccontextmanager
    async def planner(self, *, awake: bool = True, **settings: Any) -> AsyncIterator[House]:
        """Run a planner; one that is not `awake` answers calls but does nothing of its own accord."""
        configuration = replace(self.settings, **settings)
        database = self.database.open("planner")
        bus = await self.nats.connect("planner")
        registry = CollectorRegistry()
        planner = compose(configuration, database, bus, registry)
        address = await planner.server.start(SERVICES)
        channel = grpc.aio.insecure_channel(address)
        house = House(
            configuration,
            database,
            bus,
            self.evidence,
            self.adapters,
            self.workers,
            self.issuer,
            registry,
            planner,
            channel,
        )
        try:
            async with working(work() for work in (planner.background if awake else ())):
                yield house
        finally:
            await channel.close(None)
            await planner.server.grpc.stop(STOP_SECONDS)
            for close in planner.close:
                await close()


@contextlib.asynccontextmanager
async def ground(folder: Path, database: TestDatabase, nats: Nats) -> AsyncIterator[Ground]:
    """Lay the ground: a migrated database, empty queues, an upstream, adapters, workers."""
    database.migrate("planner")
    await _empty_queues(nats)
    issuer = TokenIssuer.create(ISSUER, "export-center")
    (folder / "jwks.json").write_text(issuer.jwks(), encoding="utf-8")
    moment = int(time.time())
    token = issuer.issue("service:planner", ["*"], [SERVICE], moment, moment + 3600)
    (folder / "token").write_text(token, encoding="utf-8")
    common: dict[str, Any] = {
        "blobs_url": f"file://{folder}/blobs",
        "jwks_file": str(folder / "jwks.json"),
        "token_issuer": ISSUER,
        "service_token_file": str(folder / "token"),
    }
    evidence = Evidence()  # type: ignore[abstract] # what it leaves out nobody calls
    adapters = Adapters()  # type: ignore[abstract] # the same
    servers = [Server(ServiceSettings(**common)) for _ in range(2)]
    ledger_pb2_grpc.add_LedgerServiceServicer_to_server(evidence, servers[0].grpc)
    adapters_pb2_grpc.add_AdapterServiceServicer_to_server(adapters, servers[1].grpc)
    addresses = [await server.start(()) for server in servers]
    users = ("adapter_host", "signer", "distributor")
    buses = {user: await nats.connect(user) for user in users}
    workers = Workers(buses)
    await workers.listen()
    settings = PlannerSettings(**common, evidence_address=addresses[0], adapter_host_address=addresses[1])
    try:
        async with working(workers.runs()):
            yield Ground(folder, issuer, evidence, adapters, workers, settings, database, nats)
    finally:
        for bus in buses.values():
            await bus.close()
        for server in servers:
            await server.grpc.stop(0)
        await _empty_queues(nats)


async def _empty_queues(nats: Nats) -> None:
    bus = await nats.connect("provision")
    for stream in subjects.STREAMS:
        await bus.jetstream.purge_stream(stream.name)
    await bus.close()
