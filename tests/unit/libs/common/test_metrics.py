"""The metrics of runs and the page that shows them."""

from __future__ import annotations

import asyncio
import urllib.error
import urllib.request

import pytest
from prometheus_client import CollectorRegistry

from libs.common.metrics import RunMetrics
from libs.common.metrics_page import serve_metrics
from libs.common.settings import BadSetting


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


async def test_the_page_is_served_until_it_is_closed() -> None:
    registry = CollectorRegistry()
    RunMetrics(registry).failed("ERR_EXPORT_KEY")
    page = serve_metrics("127.0.0.1:0", registry)
    shown = await asyncio.to_thread(read, f"http://{page.address}/metrics")
    assert 'exporter_run_failures_total{error_code="ERR_EXPORT_KEY"} 1.0' in shown
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
