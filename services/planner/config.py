"""Every setting of the planner."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Mapping

from libs.common.names import TENANT
from libs.common.settings import BadSetting, ServiceSettings, setting

_MIB = 1 << 20
_WEIGHT = re.compile(r"[1-9][0-9]{0,2}")
_DRIVER = re.compile(r"[a-z][a-z0-9-]{0,30}")


@dataclasses.dataclass(frozen=True, kw_only=True)
class PlannerSettings(ServiceSettings):
    """What the planner needs beside what every service needs."""

    evidence_address: str = setting("Address and port of the evidence service (Findings Ledger).")
    adapter_host_address: str = setting("Address and port of the adapter hosts.")
    tenant_concurrent_runs: int = setting(
        "Runs of one tenant at work at the same time; more wait in the queue.", default=4, low=1, high=1000
    )
    queued_runs: int = setting(
        "Runs of one tenant that may wait in the queue; a start or retry beyond it is refused.",
        default=1000,
        low=1,
        high=1_000_000,
    )
    shard_bytes: int = setting(
        "Plain bytes of evidence in one shard, about.", default=32 * _MIB, low=_MIB, high=1024 * _MIB
    )
    shards_in_flight: int = setting(
        "Shards of all tenants at work at the same time.", default=64, low=1, high=10_000
    )
    tenant_shards_in_flight: int = setting(
        "Shards of one tenant at work at the same time.", default=16, low=1, high=10_000
    )
    tenant_weights: str = setting(
        "Shares of the work, for example `acme=3,beta=2`; a tenant that is not named has 1.", default=""
    )
    target_drivers: str = setting(
        "Drivers that the distributors serve, for example `http,oci`.", default="http"
    )
    keep_bundles_days: int = setting(
        "Days for which bundles are kept whose profile does not say it; 0 is for ever.",
        default=0,
        low=0,
        high=36_500,
    )
    retry_days: int = setting(
        "Days for which a run that failed or was cancelled can be retried; until then its evidence is kept.",
        default=7,
        low=1,
        high=3_650,
    )
    result_concurrency: int = setting(
        "Results of one stage handled at the same time.", default=4, low=1, high=64
    )

    def weights(self) -> Mapping[str, int]:
        """Return the weight of each tenant that is named."""
        found: dict[str, int] = {}
        for entry in filter(None, self.tenant_weights.split(",")):
            tenant, _, weight = entry.strip().partition("=")
            if not TENANT.fullmatch(tenant) or not _WEIGHT.fullmatch(weight):
                reason = f"`{entry.strip()[:80]}` is not `tenant=weight` with a weight from 1 to 999"
                raise BadSetting(name="EXPORT_TENANT_WEIGHTS", reason=reason)
            found[tenant] = int(weight)
        return found

    def drivers(self) -> frozenset[str]:
        """Return the drivers that a target may name."""
        found = frozenset(driver.strip() for driver in self.target_drivers.split(","))
        for driver in found:
            if not _DRIVER.fullmatch(driver):
                raise BadSetting(
                    name="EXPORT_TARGET_DRIVERS", reason=f"`{driver[:40]}` is not a driver's name"
                )
        return found
