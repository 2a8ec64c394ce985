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
