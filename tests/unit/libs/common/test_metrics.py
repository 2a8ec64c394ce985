"""The metrics, what they count, and the page that shows them."""

from __future__ import annotations

import asyncio
import re
import urllib.error
import urllib.request

import pytest
from prometheus_client import CollectorRegistry, Counter, Histogram

from libs.common import metrics
from libs.common.metrics import (
    FAMILIES,
    CollectionMetrics,
    DistributionMetrics,
    HttpMetrics,
    ImportMetrics,
    QueueMetrics,
    RpcMetrics,
    RunMetrics,
    SegmentMetrics,
    Waiting,
    WorkMetrics,
)
from libs.common.metrics_page import serve_metrics
from libs.common.settings import BadSetting

UNITS = ("_seconds", "_bytes", "_total", "_depth", "_messages")


def test_a_success_counts_its_time_and_bytes() -> None:
    registry = CollectorRegistry()
    RunMetrics(registry).succeeded("json", "raw", 2.0, 500)
    labels = {"profile_kind": "json", "variant": "raw"}
    assert registry.get_sample_value("exporter_run_duration_seconds_sum", labels) == 2.0
    assert registry.get_sample_value("exporter_bundle_bytes_total", labels) == 500.0


def test_a_failure_counts_under_its_code() -> None:
    registry = CollectorRegistry()
    RunMetrics(registry).failed("ERR_EXPORT_KEY")
    assert registry.get_sample_value("exporter_run_failures_total", {"error_code": "ERR_EXPORT_KEY"}) == 1.0


def test_a_code_that_is_not_in_the_catalogue_makes_no_label() -> None:
    registry = CollectorRegistry()
    RunMetrics(registry).failed("ERR_MADE_UP")
    found = registry.get_sample_value("exporter_run_failures_total", {"error_code": "ERR_EXPORT_INTERNAL"})
    assert found == 1.0


def test_a_stage_that_a_stepping_clock_ends_before_it_began_took_no_time() -> None:
    registry = CollectorRegistry()
    RunMetrics(registry).left("signing", -3.0)
    assert registry.get_sample_value("exporter_stage_duration_seconds_sum", {"stage": "signing"}) == 0.0


def test_what_waits_is_shown_as_it_was_last_seen() -> None:
    registry = CollectorRegistry()
    shown = QueueMetrics(registry)
    shown.show({"adapting": Waiting(7, 1.5)}, Waiting(2, 0.5))
    shown.show({"adapting": Waiting()}, Waiting(1, 0.25))
    assert registry.get_sample_value("exporter_queue_depth", {"stage": "adapting"}) == 0.0
    assert registry.get_sample_value("exporter_queue_age_seconds", {"stage": "adapting"}) == 0.0
    assert registry.get_sample_value("exporter_outbox_messages") == 1.0
    assert registry.get_sample_value("exporter_outbox_age_seconds") == 0.25


def test_a_queue_has_its_counters_before_there_is_anything_to_count() -> None:
    registry = CollectorRegistry()
    WorkMetrics(registry).expect("sign")
    assert registry.get_sample_value("exporter_work_dead_letters_total", {"queue": "sign"}) == 0.0


def test_work_that_comes_again_and_is_given_up_is_counted() -> None:
    registry = CollectorRegistry()
    counted = WorkMetrics(registry)
    counted.taken("sign", "retry", 0.5, again=False)
    counted.taken("sign", "given up", 0.5, again=True)
    counted.given_up("sign")
    assert registry.get_sample_value("exporter_work_redeliveries_total", {"queue": "sign"}) == 1.0
    assert registry.get_sample_value("exporter_work_dead_letters_total", {"queue": "sign"}) == 1.0
    labels = {"queue": "sign", "outcome": "given up"}
    assert registry.get_sample_value("exporter_work_duration_seconds_count", labels) == 1.0


def test_a_segment_is_taken_over_or_made() -> None:
    registry = CollectorRegistry()
    SegmentMetrics(registry).made("json", "raw", segments=5, reused=3)
    labels = {"profile_kind": "json", "variant": "raw"}
    assert registry.get_sample_value("exporter_segment_cache_hits_total", labels) == 3.0
    assert registry.get_sample_value("exporter_segment_cache_misses_total", labels) == 2.0


def test_an_import_counts_records_bytes_and_what_was_put_aside() -> None:
    registry = CollectorRegistry()
    ImportMetrics(registry).imported(1.0, 900, {"added": 4, "updated": 0}, {"no-key": 2})
    assert registry.get_sample_value("exporter_import_records_total", {"outcome": "added"}) == 4.0
    assert registry.get_sample_value("exporter_import_bytes_total") == 900.0
    assert registry.get_sample_value("exporter_import_quarantined_total", {"reason": "no-key"}) == 2.0


def test_bytes_that_leave_are_counted_by_driver() -> None:
    registry = CollectorRegistry()
    counted = DistributionMetrics(registry)
    counted.sent("http", 10)
    counted.sent("http", 5)
    counted.resumed()
    assert registry.get_sample_value("exporter_distributed_bytes_total", {"driver": "http"}) == 15.0
    assert registry.get_sample_value("exporter_download_resumes_total") == 1.0


def test_collections_are_counted_by_how_they_end_and_by_what_went() -> None:
    registry = CollectorRegistry()
    counted = CollectionMetrics(registry)
    counted.ended("busy", 0.1)
    counted.removed(3, 700)
    counts = "exporter_collection_duration_seconds_count"
    assert registry.get_sample_value(counts, {"outcome": "busy"}) == 1.0
    assert registry.get_sample_value("exporter_collected_blobs_total") == 3.0
    assert registry.get_sample_value("exporter_collected_bytes_total") == 700.0


def test_a_method_that_nobody_knows_makes_no_label() -> None:
    registry = CollectorRegistry()
    HttpMetrics(registry).answered("BREW", "none", 405, 0.1)
    labels = {"method": "other", "route": "none", "status": "405"}
    assert registry.get_sample_value("exporter_http_requests_total", labels) == 1.0


def test_two_that_count_in_one_registry_count_together() -> None:
    registry = CollectorRegistry()
    for _ in range(2):
        RpcMetrics(registry).served("a/B", "OK", 0.1)
    labels = {"method": "a/B", "code": "OK"}
    assert registry.get_sample_value("exporter_rpc_duration_seconds_count", labels) == 2.0


@pytest.mark.parametrize("family", FAMILIES, ids=lambda family: family.name)
def test_a_metric_is_named_by_the_rules_and_by_nothing_that_users_choose(family: metrics.Family) -> None:
    assert re.fullmatch(r"exporter(_[a-z]+)+", family.name)
    assert family.name.endswith(UNITS)
    assert (family.kind is Counter) == family.name.endswith("_total")
    assert bool(family.buckets) == (family.kind is Histogram)
    assert not {"tenant", "run", "profile", "source", "trace"} & set(family.labels)
    assert family.services


def test_every_metric_is_in_the_table() -> None:
    assert re.findall(r"^\| `(\w+)`", metrics.table(), re.MULTILINE) == sorted(
        family.name for family in FAMILIES
    )


async def test_the_page_is_served_until_it_is_closed() -> None:
    registry = CollectorRegistry()
    RunMetrics(registry).failed("ERR_EXPORT_KEY")
    page = serve_metrics("127.0.0.1:0", registry)
    shown = await asyncio.to_thread(read, f"http://{page.address}/metrics")
    assert 'exporter_run_failures_total{error_code="ERR_EXPORT_KEY"} 1.0' in shown
    assert "_created" not in shown
    await page.close()
    with pytest.raises(urllib.error.URLError):
        await asyncio.to_thread(read, f"http://{page.address}/metrics")


def read(url: str) -> str:
    with urllib.request.urlopen(url, timeout=10) as answer:  # noqa: S310 - our own page
        found: bytes = answer.read()
    return found.decode()


async def test_without_an_address_nothing_is_served() -> None:
    page = serve_metrics("")
    assert page.address == ""
    await page.close()


@pytest.mark.parametrize("listen", ["nowhere", "127.0.0.1:many", "127.0.0.1:99999"])
def test_an_address_that_cannot_be_bound_is_a_bad_setting(listen: str) -> None:
    with pytest.raises(BadSetting, match="EXPORT_METRICS_LISTEN"):
        serve_metrics(listen, CollectorRegistry())
