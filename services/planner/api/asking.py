"""Says for whom, and for how long, a served call may call other services, and which trace it belongs to."""

from __future__ import annotations

from typing import Any, TypeAlias

import grpc

from libs.common.rpc.identity import current_caller, current_trace
from services.planner.sources.call import Call, call_within

Context: TypeAlias = grpc.aio.ServicerContext[Any, Any]
_SPAN_DIGITS = 16  # W3C trace context: the parent id is half as long as the trace id


def call_for(context: Context) -> Call:
    """Return the call that continues the one being served."""
    return call_within(current_caller().tenant, context.time_remaining(), "the planner")


def traceparent() -> str:
    """Return what messages carry that the call being served causes."""
    trace = current_trace()
    return f"00-{trace}-{trace[:_SPAN_DIGITS]}-01" if trace else ""
