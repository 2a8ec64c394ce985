"""Every setting of the evidence service."""

from __future__ import annotations

import dataclasses

from libs.common.settings import ServiceSettings, setting


@dataclasses.dataclass(frozen=True, kw_only=True)
class EvidenceSettings(ServiceSettings):
    """What the evidence service needs beside what every service needs."""

    import_concurrency: int = setting(
        "Imports at the same time; others wait. Each takes about 200 MiB of memory.",
        default=2,
        low=1,
        high=16,
    )
    import_processes: int = setting(
        "Processes that read what is imported; 0 is one for each core, 8 at most. Each takes about 100 MiB.",
        default=0,
        low=0,
        high=64,
    )
    frame_threads: int = setting("Threads that pack new segments.", default=4, low=1, high=64)
    sweep_seconds: float = setting(
        "Pause between two sweeps of history that no snapshot can see.", default=300.0, low=1.0, high=86_400.0
    )
    collect_minutes: float = setting(
        "Pause between two collections of frames that no segment names.",
        default=60.0,
        low=0.05,
        high=10_080.0,
    )
