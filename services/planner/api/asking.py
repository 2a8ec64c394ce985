"""Says for whom, and for how long, a served call may call other services."""

from __future__ import annotations

from typing import Any, TypeAlias

import grpc

from libs.common.rpc.identity import current_caller
from services.planner.sources.call import Call, call_within

Context: TypeAlias = grpc.aio.ServicerContext[Any, Any]


def call_for(context: Context) -> Call:
    """Return the call that continues the one being served."""
    return call_within(current_caller().tenant, context.time_remaining(), "the planner")
