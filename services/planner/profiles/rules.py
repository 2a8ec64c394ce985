"""Decides whether a spec may be saved or run, beside what the contract and its adapter say.

Invariant: every fault names the field, relative to the spec, and what would be right.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Collection, Iterator
from dataclasses import dataclass, fields

from services.planner.profiles.spec import ProfileSpec, Selector, spec_json

DOWNLOAD_TARGET = "download"  # the planner adds it to every run
# A spec travels in work messages, beside the shards of a run, under the bus's 1 MiB.
MAX_SPEC_BYTES = 128 << 10

_CONTROL = re.compile(r"[\x00-\x1f\x7f]")
_LISTS = ("sources", "ecosystems", "packages", "ids")


@dataclass(frozen=True, slots=True)
class Fault:
    """What is wrong with a field; the path begins at the spec, for example `spec.targets[0].id`."""

    field: str
    reason: str


def faults(spec: ProfileSpec, drivers: Collection[str]) -> Iterator[Fault]:
    """Yield what is wrong; `drivers` are those that the installation's distributors serve."""
    size = len(spec_json(spec))
    if size > MAX_SPEC_BYTES:
        reason = f"it has {size:,} bytes of JSON, at most {MAX_SPEC_BYTES:,} are taken; shorten its selector"
        yield Fault("spec", reason)
    yield from _selector_faults(spec.selector)
    yield from _target_faults(spec, drivers)


def _selector_faults(selector: Selector) -> Iterator[Fault]:
    assert {*_LISTS, "modified_since", "modified_until"} == {field.name for field in fields(Selector)}
    for name in _LISTS:
        for number, entry in enumerate(getattr(selector, name)):
            if _CONTROL.search(entry):
                yield Fault(f"spec.selector.{name}[{number}]", "it holds a control character; leave it out")
    since, until = selector.modified_since, selector.modified_until
    if since and until and not _earlier(since, until):
        yield Fault("spec.selector.modified_until", f"it must be later than `modified_since`, {since}")


def _earlier(one: str, other: str) -> bool:
    """Compare RFC 3339 times of one form; a fraction may have any number of digits."""
    pieces = [time.removesuffix("Z").partition(".") for time in (one, other)]
    return (pieces[0][0], pieces[0][2]) < (pieces[1][0], pieces[1][2])


def _target_faults(spec: ProfileSpec, drivers: Collection[str]) -> Iterator[Fault]:
    counts = Counter(target.id for target in spec.targets)
    for number, target in enumerate(spec.targets):
        field = f"spec.targets[{number}]"
        if target.id == DOWNLOAD_TARGET:
            yield Fault(f"{field}.id", f"`{DOWNLOAD_TARGET}` is there for every run; choose another id")
        elif counts[target.id] > 1:
            yield Fault(f"{field}.id", f"`{target.id}` is used {counts[target.id]} times; ids must be unique")
        if target.driver not in drivers:
            known = ", ".join(f"`{driver}`" for driver in sorted(drivers))
            yield Fault(f"{field}.driver", f"no driver `{target.driver}` is installed; there are: {known}")
