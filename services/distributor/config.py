"""Every setting of the distributor."""

from __future__ import annotations

import dataclasses

from libs.common.settings import ServiceSettings, setting


@dataclasses.dataclass(frozen=True, kw_only=True)
class DistributorSettings(ServiceSettings):
    """What the distributor needs beside what every service needs."""

    http_listen: str = setting("Address and port of the HTTP door for downloads.", default="127.0.0.1:0")
    distribute_concurrency: int = setting(
        "Deliveries at the same time, for each driver.", default=4, low=1, high=64
    )
    collect_minutes: float = setting(
        "Pause between two collections of blobs that nothing needs.", default=60.0, low=0.05, high=10_080.0
    )
    collect_grace_hours: float = setting(
        "What was stored or used within this time is not collected: longer than any run takes, and than the "
        "pause between two runs of a profile, so that the later one finds what the earlier one made.",
        default=192.0,
        low=2.0,
        high=8_760.0,
    )
    collect_notes_days: float = setting(
        "Notes of earlier work that nobody read for so long are collected.",
        default=30.0,
        low=2.0,
        high=3_650.0,
    )
