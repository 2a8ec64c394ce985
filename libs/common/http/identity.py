"""Who makes an HTTP request: the same tokens, tenants and scopes as over gRPC."""

from __future__ import annotations

from starlette.requests import Request

from libs.common.ids import new_trace_id
from libs.common.rpc.access import REQUIRED
from libs.common.rpc.identity import TENANT_HEADER, TRACE_HEADER
from libs.common.rpc.tokens import Caller, TokenVerifier

_TRACE_DIGITS = 32
_TRACE_PARTS = 4  # version, trace, parent and flags (W3C trace context)


def caller_of(request: Request, verifier: TokenVerifier, method: str) -> Caller:
    """Return the caller of a request that does what the RPC `method` does, or raise as the RPC would."""
    caller = verifier.verify(bearer_token(request), request.headers.get(TENANT_HEADER))
    caller.require(REQUIRED[method])
    return caller


def bearer_token(request: Request) -> str:
    """Return the token of `Authorization: Bearer …`, or an empty string."""
    scheme, _, token = request.headers.get("authorization", "").partition(" ")
    return token.strip() if scheme.lower() == "bearer" else ""


def trace_of(request: Request) -> str:
    """Return the trace id that the request carries, or a new one."""
    parts = request.headers.get(TRACE_HEADER, "").split("-")
    if len(parts) == _TRACE_PARTS and len(parts[1]) == _TRACE_DIGITS and _is_hex(parts[1]):
        return parts[1]
    return new_trace_id()


def _is_hex(text: str) -> bool:
    return all(character in "0123456789abcdef" for character in text)
