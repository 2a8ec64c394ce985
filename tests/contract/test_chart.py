"""The chart tells each service what its settings want and gives signing keys to the signer alone."""

from __future__ import annotations

import dataclasses
import importlib
import subprocess
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import yaml

from libs.common.settings import PREFIX, ServiceSettings
from tests.kit.tools import find

CHART = Path(__file__).resolve().parents[2] / "deploy" / "helm" / "export-center"
SERVICES = ("adapter_host", "distributor", "evidence", "gateway", "planner", "signer")
EVERYTHING = (
    "blobs.url=file:///data",
    "blobs.existingClaim=claim",
    "blobs.credentialsSecret=bucket",
    "tls.secret=certificates",
    "telemetry.otlpEndpoint=http://collector:4318",
    "telemetry.metricsPort=9999",
)


def template(*values: str) -> subprocess.CompletedProcess[str]:
    settings = [part for value in values for part in ("--set", value)]
    helm = str(find("HELM", "helm"))
    command = [helm, "template", "suite", str(CHART), "--kube-version", "1.30.0", *settings]
    return subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)


@cache
def rendered(*values: str) -> tuple[dict[str, Any], ...]:
    ended = template(*values)
    assert ended.returncode == 0, ended.stderr
    return tuple(document for document in yaml.safe_load_all(ended.stdout) if document)


def pod(service: str, *values: str) -> dict[str, Any]:
    name = f"suite-{service.replace('_', '-')}"
    (found,) = (
        document
        for document in rendered(*values)
        if document["kind"] == "Deployment" and document["metadata"]["name"] == name
    )
    template_: dict[str, Any] = found["spec"]["template"]["spec"]
    return template_


def settings_of(service: str) -> type[ServiceSettings]:
    module = importlib.import_module(f"services.{service}.config")
    (found,) = (
        kind
        for kind in vars(module).values()
        if isinstance(kind, type) and issubclass(kind, ServiceSettings) and kind is not ServiceSettings
    )
    return found


@pytest.mark.parametrize("values", [(), EVERYTHING], ids=["defaults", "everything"])
@pytest.mark.parametrize("service", SERVICES)
def test_every_variable_is_a_setting_and_no_setting_without_default_is_left_out(
    service: str, values: tuple[str, ...]
) -> None:
    fields = {PREFIX + field.name.upper(): field for field in dataclasses.fields(settings_of(service))}
    given = {variable["name"] for variable in pod(service, *values)["containers"][0]["env"]}
    assert given <= set(fields)
    assert {name for name, field in fields.items() if field.default is dataclasses.MISSING} <= given


@pytest.mark.parametrize("service", SERVICES)
def test_only_the_signer_mounts_signing_keys(service: str) -> None:
    secrets = {volume.get("secret", {}).get("secretName") for volume in pod(service, *EVERYTHING)["volumes"]}
    assert ("export-center-signing-keys" in secrets) == (service == "signer")


@pytest.mark.parametrize("service", SERVICES)
def test_no_pod_is_root_or_may_write_its_root(service: str) -> None:
    security = pod(service)["containers"][0]["securityContext"]
    assert security["runAsNonRoot"] is True
    assert security["readOnlyRootFilesystem"] is True
    assert security["allowPrivilegeEscalation"] is False
    assert security["capabilities"] == {"drop": ["ALL"]}


@pytest.mark.parametrize(("values", "scheme"), [((), "http"), (EVERYTHING, "https")])
def test_the_gateway_reaches_the_distributor_by_tls_where_there_are_certificates(
    values: tuple[str, ...], scheme: str
) -> None:
    variables = {item["name"]: item["value"] for item in pod("gateway", *values)["containers"][0]["env"]}
    assert variables["EXPORT_DISTRIBUTOR_HTTP"] == f"{scheme}://suite-distributor:8080"


@pytest.mark.parametrize("service", SERVICES)
def test_every_service_is_told_where_metrics_and_traces_go(service: str) -> None:
    container = pod(service, *EVERYTHING)["containers"][0]
    variables = {item["name"]: item.get("value") for item in container["env"]}
    assert variables["EXPORT_METRICS_LISTEN"] == "0.0.0.0:9999"
    assert variables["EXPORT_OTLP_ENDPOINT"] == "http://collector:4318"
    assert {"name": "metrics", "containerPort": 9999} in container["ports"]


@pytest.mark.parametrize("service", SERVICES)
def test_without_a_collector_no_service_makes_traces(service: str) -> None:
    variables = {item["name"] for item in pod(service)["containers"][0]["env"]}
    assert "EXPORT_OTLP_ENDPOINT" not in variables


def test_a_password_in_a_value_is_refused() -> None:
    ended = template("database.url=postgresql://planner:secret@host/export")
    assert ended.returncode != 0
    assert "/database/url" in ended.stderr
