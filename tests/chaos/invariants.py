"""What must hold after every schedule, whatever died: each invariant returns what contradicts it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Sequence

from tests.chaos.observation import Rest, RunSeen, Store

TERMINAL = ("succeeded", "failed", "cancelled")


def one_run_a_request(runs: Sequence[RunSeen], requests: int) -> list[str]:
    """One request is one run, however often it was sent."""
    return [] if len(runs) == requests else [f"{len(runs)} runs came of {requests} requests"]


def nothing_pinned(snapshots: int) -> list[str]:
    """Once runs have succeeded and housekeeping has passed, no evidence is held for them."""
    return [f"{snapshots} snapshots are held for runs that have succeeded"] if snapshots else []


def ended_as_documented(run: RunSeen, expected: Collection[str]) -> list[str]:
    """The run is in one of the states that its story may end in."""
    if run.state in expected:
        return []
    return [f"run {run.id} is {run.state}, not {' or '.join(sorted(expected))}"]


def one_terminal_event(run: RunSeen) -> list[str]:
    """Every attempt has one terminal event, its last; that of the last attempt agrees with the run."""
    faults = []
    for attempt in range(1, run.attempt + 1):
        types = [event.type for event in run.events if event.attempt == attempt]
        ends = [type_ for type_ in types if type_ in TERMINAL]
        if len(ends) != 1 or types[-1] != ends[0]:
            faults.append(f"attempt {attempt} tells {types}")
    if run.events and run.events[-1].type != run.state:
        faults.append(f"the last event is {run.events[-1].type}, the run is {run.state}")
    return faults


def events_without_gap(run: RunSeen) -> list[str]:
    """Events are numbered from 1 without a gap up to what the run knows."""
    found = [event.sequence for event in run.events]
    if found == list(range(1, run.sequence + 1)):
        return []
    return [f"events are numbered {found}, the run knows {run.sequence}"]


def told_once(run: RunSeen) -> list[str]:
    """The bus has told every recorded event exactly once."""
    recorded = Counter(event.type for event in run.events)
    return [] if recorded == run.told else [f"recorded {dict(recorded)}, told {run.told}"]


def same_bytes(run: RunSeen, undisturbed: str) -> list[str]:
    """A run that succeeded gives the very bytes of the undisturbed one, once, as its row says."""
    if run.state != "succeeded":
        return []
    if len(run.bundles) != 1:
        return [f"{len(run.bundles)} bundles of one run"]
    bundle = run.bundles[0]
    return [
        f"the {name} is {digest}, undisturbed it is {undisturbed}"
        for name, digest in (("row's digest", bundle.tar_digest), ("download", bundle.downloaded))
        if digest != undisturbed
    ]


def delivered_once(run: RunSeen) -> list[str]:
    """A run that succeeded has each target served, once, with the bundle's digest."""
    if run.state != "succeeded":
        return []
    counted = Counter(delivery.target for delivery in run.deliveries)
    faults = [] if counted == Counter(run.targets) else [f"deliveries {dict(counted)} for {run.targets}"]
    digests = {bundle.tar_digest for bundle in run.bundles}
    return faults + [
        f"target {delivery.target} is {delivery.state} with {delivery.digest}"
        for delivery in run.deliveries
        if delivery.state != "succeeded" or delivery.digest not in digests
    ]


def signed_once(run: RunSeen) -> list[str]:
    """No attempt is signed twice; a run that succeeded is signed."""
    twice = [attempt for attempt, count in Counter(run.signed_attempts).items() if count > 1]
    if twice or (run.state == "succeeded" and not run.signed_attempts):
        return [f"signatures of attempts {run.signed_attempts}"]
    return []


def at_rest(rest: Rest) -> list[str]:
    """Nothing is left to send, to take or to answer."""
    return [] if rest.is_quiet else [f"left: {rest}"]


def nothing_missing(store: Store) -> list[str]:
    """Every blob that a row leads to is there."""
    missing = sorted(store.needed - store.present)
    return [f"{len(missing)} blobs are missing: {missing[:3]}"] if missing else []


def nothing_left_over(store: Store) -> list[str]:
    """After collection no blob is there that no row leads to, and no remains of a write that was cut off."""
    orphans = sorted(store.present - store.needed)
    faults = [f"{len(orphans)} orphan blobs: {orphans[:3]}"] if orphans else []
    return faults + ([f"remains of writes: {store.remains[:3]}"] if store.remains else [])


def old_or_new(state: object, old: object, new: object) -> list[str]:
    """What an import that was disturbed leaves is what was there before, or all that it brings."""
    return [] if state in (old, new) else [f"the evidence is neither the old nor the new: {state}"]
