"""Finds out what a run would be: profile, effective spec, adapter, evidence, identity."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from datetime import datetime

from libs.common.errors import InvalidField, NothingSelected
from libs.common.segments.frame import library_version
from services.planner.missing import no_profile
from services.planner.profiles.revisions import Profile
from services.planner.profiles.rules import Fault, faults
from services.planner.profiles.spec import ProfileSpec, Selector
from services.planner.runs import plan
from services.planner.runs.evidence import Snapshot
from services.planner.runs.facts import Facts
from services.planner.sources.adapters import AdapterHost, Answer
from services.planner.sources.call import Call
from services.planner.sources.ledger import Ledger
from services.planner.store import profiles
from services.planner.store.connection import Connection


@dataclass(frozen=True, slots=True)
class Wish:
    """What somebody asks to run: a profile by its id, narrowed by a selector; `trace` is a traceparent."""

    actor: str
    trace: str
    profile: str
    selector: Selector


@dataclass(frozen=True, slots=True)
class Prepared:
    """A run that could begin."""

    facts: Facts
    snapshot: Snapshot


async def profile_of(connection: Connection, tenant: str, profile_id: str) -> Profile:
    """Return the profile, or raise `ProfileNotFound`."""
    found = await profiles.find(connection, tenant, profile_id)
    if found is None:
        raise no_profile(profile_id)
    return found


class Preparing:
    """Asks the adapter host and the evidence service; writes nothing."""

    def __init__(self, ledger: Ledger, adapters: AdapterHost, drivers: frozenset[str]) -> None:
        self._ledger = ledger
        self._adapters = adapters
        self._drivers = drivers

    async def prepare(self, call: Call, wish: Wish, profile: Profile, run_id: str, now: datetime) -> Prepared:
        """Return what `run_id` would be; the evidence is held for it, or not held where the id is empty."""
        spec = plan.effective_spec(profile.spec, wish.selector.normalised())
        answer = await self._valid(call, spec)
        # What the adapter includes by itself is part of what this run is, and stands in its manifest.
        spec = dataclasses.replace(spec, include=spec.include or answer.include).normalised()
        snapshot = await self._ledger.open(call, spec.include, spec.selector.sources, run_id)
        if not snapshot.records:
            await self.release(call, snapshot, run_id)
            raise NothingSelected(profile=profile.id)
        codec = plan.Codec(spec.effective_level, library_version())
        identity = plan.Identity(
            call.tenant, profile.id, profile.revision, spec, snapshot.digest, answer.adapter, codec
        )
        facts = Facts(
            tenant=call.tenant,
            id=run_id,
            profile=profile.id,
            profile_uid=profile.uid,
            revision=profile.revision,
            spec=spec,
            selector=wish.selector.normalised(),
            adapter=answer.adapter,
            codec=codec,
            snapshot_id=snapshot.id,
            plan_digest=plan.plan_digest(identity),
            actor=wish.actor,
            trace=wish.trace,
            created=now,
        )
        return Prepared(facts, snapshot)

    async def release(self, call: Call, snapshot: Snapshot, run_id: str) -> None:
        """Let go of a snapshot that no run will use."""
        if run_id:
            await self._ledger.release(call, snapshot.id, run_id)

    async def _valid(self, call: Call, spec: ProfileSpec) -> Answer:
        """Return what the adapter says of the effective spec; a fault of it is a fault of the request."""
        for fault in faults(spec, self._drivers):
            raise _refused(fault)
        answer = await self._adapters.validate(call, spec)
        for fault in answer.faults:
            raise _refused(fault)
        return answer


def _refused(fault: Fault) -> InvalidField:
    if fault.field.startswith("spec.selector"):
        return InvalidField(field="run." + fault.field.removeprefix("spec."), reason=fault.reason)
    return InvalidField(
        field="run.profile", reason=f"its `{fault.field}` cannot be run as it is: {fault.reason}"
    )
