"""What a run is created with: it never changes, however often the run is retried."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from libs.common.digests import Digest
from services.planner.profiles.spec import ProfileSpec, Selector
from services.planner.runs.machine import Run
from services.planner.runs.plan import AdapterVersion, Codec, export_id


@dataclass(frozen=True, slots=True)
class Facts:
    """One run; `spec` is the effective one, `selector` what the run asked for, `trace` a traceparent."""

    tenant: str
    id: str
    profile: str
    profile_uid: str
    revision: int
    spec: ProfileSpec
    selector: Selector
    adapter: AdapterVersion
    codec: Codec
    snapshot_id: str
    plan_digest: Digest
    actor: str
    trace: str
    created: datetime

    @property
    def export_id(self) -> str:
        """Equal inputs give an equal id."""
        return export_id(self.plan_digest)


@dataclass(frozen=True, slots=True)
class Kept:
    """A run as the store keeps it: `version` counts its changes, `since` is when it came into its state."""

    facts: Facts
    run: Run
    version: int
    since: datetime
