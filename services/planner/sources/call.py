"""For whom this service calls another, and how long it will wait."""

from __future__ import annotations

from dataclasses import dataclass

from libs.common.errors import DeadlineExceeded
from libs.common.rpc.client import UNARY_DEADLINE_SECONDS

MARGIN_SECONDS = 0.02  # left to answer the caller with what came of it
LEAST_SECONDS = 0.1  # a call that has less is not worth making


@dataclass(frozen=True, slots=True)
class Call:
    """The tenant, and the seconds that the caller leaves."""

    tenant: str
    seconds: float = UNARY_DEADLINE_SECONDS


def call_within(tenant: str, remaining: float | None, dependency: str) -> Call:
    """Return a call that ends before the caller's own deadline; refuse where too little is left."""
    if remaining is None:
        return Call(tenant)
    seconds = min(remaining - MARGIN_SECONDS, UNARY_DEADLINE_SECONDS)
    if seconds < LEAST_SECONDS:
        raise DeadlineExceeded(dependency=dependency)
    return Call(tenant, seconds)
