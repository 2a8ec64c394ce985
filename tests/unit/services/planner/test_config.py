"""The planner's settings."""

from __future__ import annotations

from typing import Any

import pytest

from libs.common.settings import BadSetting, load
from services.planner.config import PlannerSettings

NEEDED = {
    "EXPORT_BLOBS_URL": "file:///nowhere",
    "EXPORT_JWKS_FILE": "jwks.json",
    "EXPORT_TOKEN_ISSUER": "https://issuer.example",
    "EXPORT_EVIDENCE_ADDRESS": "127.0.0.1:1",
    "EXPORT_ADAPTER_HOST_ADDRESS": "127.0.0.1:2",
}


def loaded(**more: Any) -> PlannerSettings:
    return load(PlannerSettings, NEEDED | {f"EXPORT_{name.upper()}": value for name, value in more.items()})


def test_weights_are_read() -> None:
    assert loaded(tenant_weights="acme=3, beta=2").weights() == {"acme": 3, "beta": 2}


def test_no_weights_is_fine() -> None:
    assert loaded().weights() == {}


@pytest.mark.parametrize("text", ["acme", "acme=0", "acme=-1", "ACME=1", "acme=1000", "acme=1=2"])
def test_a_bad_weight_is_named(text: str) -> None:
    with pytest.raises(BadSetting, match="EXPORT_TENANT_WEIGHTS"):
        loaded(tenant_weights=text).weights()


def test_drivers_are_read() -> None:
    assert loaded(target_drivers="http, oci").drivers() == {"http", "oci"}


def test_a_bad_driver_is_named() -> None:
    with pytest.raises(BadSetting, match="EXPORT_TARGET_DRIVERS"):
        loaded(target_drivers="http,,").drivers()
