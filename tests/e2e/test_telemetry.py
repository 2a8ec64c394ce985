"""One export is followed by its trace id through every service, and every service counts it."""

from __future__ import annotations

import json
import re
import subprocess
import urllib.request
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest
from prometheus_client.parser import text_string_to_metric_families

from cli.stella.tracing import ENDPOINT
from libs.common.metrics import FAMILIES
from tests.kit import made_up
from tests.kit.collector import Collector, Span, running_collector
from tests.kit.suite import Suite, run_stella, running_suite, short

SERVICES = ("adapter_host", "distributor", "evidence", "gateway", "planner", "signer")
COLLECT_SECONDS = 60.0
UNITS = ("call", "request", "work")
CREATE = "stellaops.export.v1.RunService/CreateRun"
OPEN = "stellaops.evidence.v1.LedgerService/OpenSnapshot"
STREAM = "stellaops.evidence.v1.LedgerService/StreamSegments"
# Each with its parent, the parent's parent and so on: service and name of the span.
LINEAGES = (
    (
        ("evidence", OPEN),
        ("planner", OPEN),
        ("planner", CREATE),
        ("gateway", CREATE),
        ("gateway", "POST /api/export/runs"),
        ("stella", "stella export run start"),
    ),
    (("planner", "plan work"), ("planner", "run planning"), ("planner", CREATE)),
    (("adapter_host", "adapt-json-raw work"), ("planner", "run adapting"), ("planner", CREATE)),
    (("evidence", STREAM), ("adapter_host", STREAM), ("adapter_host", "adapt-json-raw work")),
    (
        ("planner", "result-distribute work"),
        ("distributor", "distribute-http work"),
        ("planner", "run distributing"),
        ("planner", "result-sign work"),
        ("signer", "sign work"),
        ("planner", "run signing"),
        ("planner", "result-assemble work"),
        ("adapter_host", "assemble-json-raw work"),
        ("planner", "run assembling"),
        ("planner", "result-adapt work"),
        ("adapter_host", "adapt-json-raw work"),
    ),
    (("signer", "sign"), ("signer", "sign work")),
    (("distributor", "deliver"), ("distributor", "distribute-http work")),
)


@dataclass(frozen=True, slots=True)
class Followed:
    """A run that is over, with all that was told of it."""

    suite: Suite
    run: dict[str, Any]
    trace: str
    imported: str  # the trace of the import before it
    spans: list[Span]
    collector: Collector


def traced(suite: Suite, collector: Collector, *arguments: str) -> tuple[str, str]:
    """Run a command whose span is collected too; return its output and its trace id."""
    environment = {**suite.environment(), ENDPOINT: collector.endpoint}
    ended: subprocess.CompletedProcess[str] = run_stella(environment, ["--trace", *arguments])
    assert ended.returncode == 0, ended.stderr
    (trace,) = re.findall(r"^trace: ([0-9a-f]{32})$", ended.stderr, re.MULTILINE)
    return ended.stdout, trace


def is_told_whole(spans: list[Span]) -> bool:
    names = {(span.service, span.name) for span in spans}
    return all(step in names for lineage in LINEAGES for step in lineage)


@pytest.fixture(scope="module")
def followed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Followed]:
    folder = tmp_path_factory.mktemp("telemetry")
    files = made_up.write(folder / "evidence", map(made_up.advisory, range(60)))
    with (
        running_collector() as collector,
        running_suite(
            folder / "suite",
            settings={"otlp_endpoint": collector.endpoint, "metrics_listen": "127.0.0.1:0"},
        ) as suite,
    ):
        suite.stella("export", "profile", "create", "nightly", "--kind", "json:raw")
        _, imported = traced(suite, collector, "evidence", "import", str(files), "--source", "test")
        shown, trace = traced(
            suite, collector, "export", "run", "start", "nightly", "--wait", "--format", "json"
        )
        run = json.loads(shown)
        suite.download(run, folder / "bundle.tar")
        spans = collector.wait_for(trace, is_told_whole, COLLECT_SECONDS)
        yield Followed(suite, run, trace, imported, spans, collector)


def lines_of(suite: Suite) -> list[dict[str, Any]]:
    """Return every line that a service has logged."""
    found: list[dict[str, Any]] = []
    for path in sorted((suite.data / "logs").glob("*.log")):
        if path.stem in SERVICES:
            found += map(json.loads, path.read_text(encoding="utf-8").splitlines())
    return found


def pages(suite: Suite) -> dict[str, str]:
    """Return each service's metrics."""
    served = {line["service"]: line["metrics"] for line in lines_of(suite) if line["message"] == "serving"}
    found: dict[str, str] = {}
    for service, address in served.items():
        with urllib.request.urlopen(f"http://{address}/metrics", timeout=10) as answer:
            found[service] = answer.read().decode("utf-8")
    return found


@pytest.mark.parametrize("lineage", LINEAGES, ids=lambda lineage: lineage[0][1])
def test_a_step_of_the_run_has_its_cause_as_parent(
    followed: Followed, lineage: tuple[tuple[str, str], ...]
) -> None:
    by_id = {span.id: span for span in followed.spans}
    ways: list[list[tuple[str, str]]] = []
    for first in followed.spans:
        way: list[tuple[str, str]] = []
        at: Span | None = first
        while at is not None and len(way) < len(lineage):
            way.append((at.service, at.name))
            at = by_id.get(at.parent)
        ways.append(way)
    assert list(lineage) in ways


def test_only_the_command_is_without_a_parent(followed: Followed) -> None:
    roots = [(span.service, span.name) for span in followed.spans if not span.parent]
    assert roots == [("stella", "stella export run start")]


def test_an_import_is_a_trace_of_its_own_from_the_command_to_the_ledger(followed: Followed) -> None:
    spans = followed.collector.spans(followed.imported)
    assert {span.service for span in spans} == {"stella", "gateway", "evidence"}
    assert followed.imported != followed.trace


def test_every_service_names_the_trace_in_its_lines(followed: Followed) -> None:
    lines = [line for line in lines_of(followed.suite) if line.get("trace") == followed.trace]
    assert {line["service"] for line in lines} == set(SERVICES)
    worked = [line for line in lines if line["message"] == "work"]
    assert {line["stage"] for line in worked} >= {"adapt", "assemble", "sign", "distribute", "planning"}
    run = short(followed.run)
    assert {(line["tenant"], line["run"], line["outcome"]) for line in worked} == {("demo", run, "ok")}
    assert all(line["duration_ms"] >= 0 for line in worked)


def test_each_unit_of_work_is_one_line(followed: Followed) -> None:
    lines = [line for line in lines_of(followed.suite) if line.get("trace") == followed.trace]
    logged = Counter(line["service"] for line in lines if line["message"] in UNITS)
    assert set(logged) == set(SERVICES)

    def is_one_for_one(spans: list[Span]) -> bool:
        return logged == Counter(span.service for span in spans if span.is_unit)

    followed.collector.wait_for(followed.trace, is_one_for_one, COLLECT_SECONDS)


def test_no_line_and_no_span_holds_a_token(followed: Followed) -> None:
    tokens = [path.read_text(encoding="ascii").strip() for path in (followed.suite.data / "tokens").iterdir()]
    told = json.dumps(lines_of(followed.suite)) + repr(followed.collector.spans())
    assert tokens
    assert not [token for token in tokens if token.rpartition(".")[2] in told]


def test_nothing_of_the_trace_is_in_the_bundle(followed: Followed) -> None:
    bundle = (followed.suite.data.parent / "bundle.tar").read_bytes()
    assert followed.trace.encode() not in bundle


@pytest.mark.parametrize("service", SERVICES)
def test_a_service_shows_the_metrics_that_the_table_says(followed: Followed, service: str) -> None:
    page = pages(followed.suite)[service]
    shown = set(re.findall(r"^# TYPE (exporter_\w+) ", page, re.MULTILINE))
    assert shown == {family.name for family in FAMILIES if service in family.services}
    assert "process_resident_memory_bytes" in page


def test_no_series_names_a_tenant_or_a_run(followed: Followed) -> None:
    for page in pages(followed.suite).values():
        for family in text_string_to_metric_families(page):
            for sample in family.samples:
                assert not {"demo", short(followed.run)} & set(sample.labels.values()), sample
                assert "tenant" not in sample.labels


@pytest.mark.parametrize(
    ("service", "name", "labels", "value"),
    [
        ("planner", "exporter_run_duration_seconds_count", {"profile_kind": "json", "variant": "raw"}, 1),
        ("planner", "exporter_stage_duration_seconds_count", {"stage": "signing"}, 1),
        ("planner", "exporter_queue_depth", {"stage": "adapting"}, 0),
        ("planner", "exporter_outbox_messages", {}, 0),
        ("planner", "exporter_work_dead_letters_total", {"queue": "result-adapt"}, 0),
        ("adapter_host", "exporter_work_duration_seconds_count", {"queue": "assemble-json-raw"}, 1),
        ("signer", "exporter_work_duration_seconds_count", {"queue": "sign", "outcome": "ok"}, 1),
        ("distributor", "exporter_work_redeliveries_total", {"queue": "distribute-http"}, 0),
        ("evidence", "exporter_import_records_total", {"outcome": "added"}, 60),
        ("evidence", "exporter_import_duration_seconds_count", {}, 1),
        ("evidence", "exporter_rpc_duration_seconds_count", {"method": OPEN, "code": "OK"}, 1),
        (
            "gateway",
            "exporter_http_requests_total",
            {"method": "POST", "route": "/api/export/runs", "status": "202"},
            1,
        ),
    ],
)
def test_the_run_is_counted(
    followed: Followed, service: str, name: str, labels: dict[str, str], value: float
) -> None:
    assert sample_of(followed, service, name, labels) == value


def test_segments_and_bytes_are_counted(followed: Followed) -> None:
    kind = {"profile_kind": "json", "variant": "raw"}
    hits = sample_of(followed, "adapter_host", "exporter_segment_cache_hits_total", kind)
    misses = sample_of(followed, "adapter_host", "exporter_segment_cache_misses_total", kind)
    assert hits + misses >= 1
    made = sample_of(followed, "planner", "exporter_bundle_bytes_total", kind)
    sent = sample_of(followed, "distributor", "exporter_distributed_bytes_total", {"driver": "http"})
    assert 0 < made < sent  # the tar has headers beside the files
    assert sample_of(followed, "evidence", "exporter_import_bytes_total", {}) > 0


def sample_of(followed: Followed, service: str, name: str, labels: dict[str, str]) -> float:
    """Return the one sample that has these labels."""
    (found,) = (
        sample.value
        for family in text_string_to_metric_families(pages(followed.suite)[service])
        for sample in family.samples
        if sample.name == name and labels.items() <= sample.labels.items()
    )
    return float(found)
