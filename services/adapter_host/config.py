"""Every setting of the adapter host."""

from __future__ import annotations

import dataclasses

from libs.common.settings import ServiceSettings, setting


@dataclasses.dataclass(frozen=True, kw_only=True)
class AdapterHostSettings(ServiceSettings):
    """What the adapter host needs beside what every service needs."""

    evidence_address: str = setting("Address and port of the Findings Ledger.")
    adapt_concurrency: int = setting("Shards made at the same time, by adapter.", default=2, low=1, high=64)
    assemble_concurrency: int = setting(
        "Bundles assembled at the same time, by adapter.", default=2, low=1, high=64
    )
