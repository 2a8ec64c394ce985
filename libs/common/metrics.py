"""Every metric with its type, labels and services; the documentation's table is made of what stands here.

No label names a tenant, a run or anything else that users choose, so that series stay few.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, TypeVar
from weakref import WeakKeyDictionary

from prometheus_client import REGISTRY, CollectorRegistry, Counter, Gauge, Histogram
from prometheus_client.metrics import MetricWrapperBase

from libs.common.errors import Internal, catalogue

# From a run over nothing new to one over everything; the objectives are 120 s (delta) and 300 s (full).
RUN_SECONDS = (0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 120.0, 300.0, 600.0, 1800.0, 3600.0)
# From an answer out of memory to the longest stream.
CALL_SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 120.0, 600.0)

WORKERS = ("adapter_host", "distributor", "planner", "signer")
GRPC = ("adapter_host", "distributor", "evidence", "planner", "signer")
HTTP = ("distributor", "gateway")
COLLECTORS = ("distributor", "evidence")
METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})

Instrument = TypeVar("Instrument", bound=MetricWrapperBase)


@dataclass(frozen=True, slots=True)
class Family:
    """One metric: what it is called, what it says, by what it is told apart, who shows it."""

    name: str
    kind: type[Counter | Gauge | Histogram]
    help: str
    labels: tuple[str, ...]
    services: tuple[str, ...]
    buckets: tuple[float, ...] = ()


RUN_DURATION = Family(
    "exporter_run_duration_seconds",
    Histogram,
    "Time from the start of an attempt to its success.",
    ("profile_kind", "variant"),
    ("planner",),
    RUN_SECONDS,
)
BUNDLE_BYTES = Family(
    "exporter_bundle_bytes_total",
    Counter,
    "Bytes of the bundles of succeeded runs.",
    ("profile_kind", "variant"),
    ("planner",),
)
RUN_FAILURES = Family(
    "exporter_run_failures_total", Counter, "Runs that failed.", ("error_code",), ("planner",)
)
STAGE_DURATION = Family(
    "exporter_stage_duration_seconds",
    Histogram,
    "Time that runs were in one stage before they went on to the next.",
    ("stage",),
    ("planner",),
    RUN_SECONDS,
)
QUEUE_DEPTH = Family(
    "exporter_queue_depth",
    Gauge,
    "Work of all runs that is not done: shards while adapting, runs in every other stage. "
    "Every planner tells the same number; take the maximum.",
    ("stage",),
    ("planner",),
)
QUEUE_AGE = Family(
    "exporter_queue_age_seconds",
    Gauge,
    "How long the run that is longest in a stage has been there; 0 where there is none.",
    ("stage",),
    ("planner",),
)
OUTBOX_MESSAGES = Family(
    "exporter_outbox_messages", Gauge, "Messages that are committed and not yet sent.", (), ("planner",)
)
OUTBOX_AGE = Family(
    "exporter_outbox_age_seconds",
    Gauge,
    "Age of the oldest of them; 0 where there is none.",
    (),
    ("planner",),
)
WORK_DURATION = Family(
    "exporter_work_duration_seconds",
    Histogram,
    "Time for one message taken from a queue; its count is how many were taken.",
    ("queue", "outcome"),
    WORKERS,
    CALL_SECONDS,
)
WORK_REDELIVERIES = Family(
    "exporter_work_redeliveries_total",
    Counter,
    "Messages taken that had been delivered before: their worker failed or died.",
    ("queue",),
    WORKERS,
)
WORK_DEAD_LETTERS = Family(
    "exporter_work_dead_letters_total",
    Counter,
    "Messages given up after their last attempt.",
    ("queue",),
    WORKERS,
)
SEGMENT_CACHE_HITS = Family(
    "exporter_segment_cache_hits_total",
    Counter,
    "Segments taken over as they were.",
    ("profile_kind", "variant"),
    ("adapter_host",),
)
SEGMENT_CACHE_MISSES = Family(
    "exporter_segment_cache_misses_total",
    Counter,
    "Segments made anew.",
    ("profile_kind", "variant"),
    ("adapter_host",),
)
IMPORT_DURATION = Family(
    "exporter_import_duration_seconds",
    Histogram,
    "Time of an import from its turn to its commit.",
    (),
    ("evidence",),
    RUN_SECONDS,
)
IMPORT_RECORDS = Family(
    "exporter_import_records_total",
    Counter,
    "Records of imports by what became of them: added, updated, unchanged, removed.",
    ("outcome",),
    ("evidence",),
)
IMPORT_BYTES = Family("exporter_import_bytes_total", Counter, "Bytes received by imports.", (), ("evidence",))
IMPORT_QUARANTINED = Family(
    "exporter_import_quarantined_total", Counter, "Documents put aside.", ("reason",), ("evidence",)
)
DISTRIBUTED_BYTES = Family(
    "exporter_distributed_bytes_total",
    Counter,
    "Bytes that left towards a target; for `http`, those that clients fetched.",
    ("driver",),
    ("distributor",),
)
DOWNLOAD_RESUMES = Family(
    "exporter_download_resumes_total",
    Counter,
    "Downloads that went on after the first byte, over HTTP or gRPC.",
    (),
    ("distributor",),
)
COLLECTION_DURATION = Family(
    "exporter_collection_duration_seconds",
    Histogram,
    "Time of a collection of one tenant's blobs; its count is how many there were.",
    ("outcome",),
    COLLECTORS,
    RUN_SECONDS,
)
COLLECTED_BLOBS = Family(
    "exporter_collected_blobs_total",
    Counter,
    "Blobs that nothing needed and that were removed.",
    (),
    COLLECTORS,
)
COLLECTED_BYTES = Family("exporter_collected_bytes_total", Counter, "Bytes of those blobs.", (), COLLECTORS)
RPC_DURATION = Family(
    "exporter_rpc_duration_seconds",
    Histogram,
    "Time of a gRPC call, to the end of its stream, by status; health and reflection are left out.",
    ("method", "code"),
    GRPC,
    CALL_SECONDS,
)
HTTP_REQUESTS = Family(
    "exporter_http_requests_total",
    Counter,
    "HTTP requests by the route that took them; probes are left out.",
    ("method", "route", "status"),
    HTTP,
)
HTTP_DURATION = Family(
    "exporter_http_request_duration_seconds",
    Histogram,
    "Time of an HTTP request, to the end of its answer.",
    ("method", "route"),
    HTTP,
    CALL_SECONDS,
)

FAMILIES = tuple(found for found in list(vars().values()) if isinstance(found, Family))

_made: WeakKeyDictionary[CollectorRegistry, dict[str, MetricWrapperBase]] = WeakKeyDictionary()


def _instrument(family: Family, kind: type[Instrument], registry: CollectorRegistry) -> Instrument:
    """Return the metric in a registry, which has it once however many doors and workers count with it."""
    made = _made.setdefault(registry, {})
    if family.name not in made:
        more: dict[str, Any] = {"buckets": family.buckets} if family.buckets else {}
        made[family.name] = kind(family.name, family.help, family.labels, registry=registry, **more)
    found = made[family.name]
    assert isinstance(found, kind)
    return found


class RunMetrics:
    """What is counted where a run changes."""

    def __init__(self, registry: CollectorRegistry = REGISTRY) -> None:
        self._duration = _instrument(RUN_DURATION, Histogram, registry)
        self._bytes = _instrument(BUNDLE_BYTES, Counter, registry)
        self._failures = _instrument(RUN_FAILURES, Counter, registry)
        self._stages = _instrument(STAGE_DURATION, Histogram, registry)

    def succeeded(self, kind: str, variant: str, seconds: float, bundle_bytes: int) -> None:
        """Count a run that succeeded."""
        self._duration.labels(kind, variant).observe(seconds)
        self._bytes.labels(kind, variant).inc(bundle_bytes)

    def failed(self, code: str) -> None:
        """Count a run that failed; a code that is not in the catalogue counts as internal."""
        self._failures.labels(code if code in catalogue() else Internal.code).inc()

    def left(self, stage: str, seconds: float) -> None:
        """Count a stage that a run has behind it."""
        self._stages.labels(stage).observe(max(seconds, 0.0))


@dataclass(frozen=True, slots=True)
class Waiting:
    """Work that is not done: how much, and for how long the oldest of it."""

    count: int = 0
    seconds: float = 0.0


class QueueMetrics:
    """What waits; shown as it was when somebody last looked."""

    def __init__(self, registry: CollectorRegistry = REGISTRY) -> None:
        self._depth = _instrument(QUEUE_DEPTH, Gauge, registry)
        self._age = _instrument(QUEUE_AGE, Gauge, registry)
        self._messages = _instrument(OUTBOX_MESSAGES, Gauge, registry)
        self._messages_age = _instrument(OUTBOX_AGE, Gauge, registry)

    def show(self, stages: Mapping[str, Waiting], outbox: Waiting) -> None:
        """Show how much waits now."""
        for stage, waiting in stages.items():
            self._depth.labels(stage).set(waiting.count)
            self._age.labels(stage).set(max(waiting.seconds, 0.0))
        self._messages.set(outbox.count)
        self._messages_age.set(max(outbox.seconds, 0.0))


class WorkMetrics:
    """What is counted where work is taken from the bus; a queue is named by its consumer."""

    def __init__(self, registry: CollectorRegistry = REGISTRY) -> None:
        self._duration = _instrument(WORK_DURATION, Histogram, registry)
        self._redeliveries = _instrument(WORK_REDELIVERIES, Counter, registry)
        self._dead = _instrument(WORK_DEAD_LETTERS, Counter, registry)

    def expect(self, queue: str) -> None:
        """Show a queue's counters before there is anything to count, so that the first one is a change."""
        self._redeliveries.labels(queue)
        self._dead.labels(queue)

    def taken(self, queue: str, outcome: str, seconds: float, *, again: bool) -> None:
        """Count a message that was taken and how that ended."""
        self._duration.labels(queue, outcome).observe(seconds)
        if again:
            self._redeliveries.labels(queue).inc()

    def given_up(self, queue: str) -> None:
        """Count a message that went to the dead letters."""
        self._dead.labels(queue).inc()


class SegmentMetrics:
    """What is counted where shards are made."""

    def __init__(self, registry: CollectorRegistry = REGISTRY) -> None:
        self._hits = _instrument(SEGMENT_CACHE_HITS, Counter, registry)
        self._misses = _instrument(SEGMENT_CACHE_MISSES, Counter, registry)

    def made(self, kind: str, variant: str, segments: int, reused: int) -> None:
        """Count the segments of a shard."""
        self._hits.labels(kind, variant).inc(reused)
        self._misses.labels(kind, variant).inc(segments - reused)


class ImportMetrics:
    """What is counted where evidence comes in."""

    def __init__(self, registry: CollectorRegistry = REGISTRY) -> None:
        self._duration = _instrument(IMPORT_DURATION, Histogram, registry)
        self._records = _instrument(IMPORT_RECORDS, Counter, registry)
        self._bytes = _instrument(IMPORT_BYTES, Counter, registry)
        self._quarantined = _instrument(IMPORT_QUARANTINED, Counter, registry)

    def imported(
        self, seconds: float, received: int, records: Mapping[str, int], quarantined: Mapping[str, int]
    ) -> None:
        """Count an import that was committed: its records by outcome, what was put aside by reason."""
        self._duration.observe(seconds)
        self._bytes.inc(received)
        for outcome, count in records.items():
            self._records.labels(outcome).inc(count)
        for reason, count in quarantined.items():
            self._quarantined.labels(reason).inc(count)


class DistributionMetrics:
    """What is counted where bundles leave."""

    def __init__(self, registry: CollectorRegistry = REGISTRY) -> None:
        self._bytes = _instrument(DISTRIBUTED_BYTES, Counter, registry)
        self._resumes = _instrument(DOWNLOAD_RESUMES, Counter, registry)

    def sent(self, driver: str, size: int) -> None:
        """Count bytes that left."""
        self._bytes.labels(driver).inc(size)

    def resumed(self) -> None:
        """Count a download that goes on where another ended."""
        self._resumes.inc()


class CollectionMetrics:
    """What is counted where blobs that nothing needs are removed."""

    def __init__(self, registry: CollectorRegistry = REGISTRY) -> None:
        self._duration = _instrument(COLLECTION_DURATION, Histogram, registry)
        self._blobs = _instrument(COLLECTED_BLOBS, Counter, registry)
        self._bytes = _instrument(COLLECTED_BYTES, Counter, registry)

    def ended(self, outcome: str, seconds: float) -> None:
        """Count a collection: `ok`, `busy` where another one was at work, or `error`."""
        self._duration.labels(outcome).observe(seconds)

    def removed(self, blobs: int, size: int) -> None:
        """Count what went."""
        self._blobs.inc(blobs)
        self._bytes.inc(size)


class RpcMetrics:
    """What is counted where calls are served."""

    def __init__(self, registry: CollectorRegistry = REGISTRY) -> None:
        self._duration = _instrument(RPC_DURATION, Histogram, registry)

    def served(self, method: str, code: str, seconds: float) -> None:
        """Count a call; only methods that there are get here."""
        self._duration.labels(method, code).observe(seconds)


class HttpMetrics:
    """What is counted where requests are answered."""

    def __init__(self, registry: CollectorRegistry = REGISTRY) -> None:
        self._requests = _instrument(HTTP_REQUESTS, Counter, registry)
        self._duration = _instrument(HTTP_DURATION, Histogram, registry)

    def answered(self, method: str, route: str, status: int, seconds: float) -> None:
        """Count a request; a method that nobody knows is counted as `other`."""
        known = method if method in METHODS else "other"
        self._requests.labels(known, route, str(status)).inc()
        self._duration.labels(known, route).observe(seconds)


def table() -> str:
    """Return the documentation's table of all metrics."""
    lines = ["| metric | type | labels | on | what it says |", "| --- | --- | --- | --- | --- |"]
    for family in sorted(FAMILIES, key=lambda family: family.name):
        labels = ", ".join(f"`{label}`" for label in family.labels) or "none"
        services = ", ".join(f"`{service}`" for service in family.services)
        kind = family.kind.__name__.lower()
        lines.append(f"| `{family.name}` | {kind} | {labels} | {services} | {family.help} |")
    return "\n".join(lines) + "\n"
